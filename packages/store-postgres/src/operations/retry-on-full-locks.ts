import type { EnqueueOutcome, EnqueueParams } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { isOutOfMemory, mayHaveChanged, shortageReason } from '../postgres-errors.ts'
import { CALL_TIMEOUT_MS } from '../time-limits.ts'

type Submissions = EnqueueParams['submissions']
type Enqueue = (submissions: Submissions) => Promise<readonly EnqueueOutcome[]>

const ALONE_AT_A_TIME = 4
const FIRST_PAUSE_MS = 16
const LONGEST_PAUSE_MS = 512

/**
 * Others may have filled the server's lock table, which undoes a transaction. What was too much for it together is stored
 * one by one, so that each finds room or not by itself. They share the time of a call: who comes when it is over is tried
 * once.
 * @throws what went wrong otherwise, once nothing is under way; indefinite when some were stored
 */
export async function retryOnFullLocks(submissions: Submissions, enqueue: Enqueue): Promise<readonly EnqueueOutcome[]> {
  const until = performance.now() + CALL_TIMEOUT_MS
  if (submissions.length > 1) {
    try {
      return await enqueue(submissions)
    } catch (error) {
      if (!isOutOfMemory(error)) throw error
    }
  }
  const outcomes: EnqueueOutcome[] = []
  for (let from = 0; from < submissions.length; from += ALONE_AT_A_TIME) {
    const some = submissions.slice(from, from + ALONE_AT_A_TIME)
    const results = await Promise.allSettled(some.map((one) => enqueueInTime([one], enqueue, until)))
    outcomes.push(...results.flatMap((result) => (result.status === 'fulfilled' ? result.value : [])))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) throwAfter(outcomes, failed.reason)
  }
  return outcomes
}

async function enqueueInTime(
  submissions: Submissions,
  enqueue: Enqueue,
  until: number,
): Promise<readonly EnqueueOutcome[]> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await enqueue(submissions)
    } catch (error) {
      if (!isOutOfMemory(error)) throw error
      if (performance.now() + pauseMs > until) return [{ kind: 'no-room', reason: shortageReason(error) }]
    }
    await new Promise<void>((resolve) => systemClock.after(pauseMs, resolve))
  }
}

function throwAfter(outcomes: readonly EnqueueOutcome[], error: unknown): never {
  if (outcomes.some(({ kind }) => kind === 'accepted')) mayHaveChanged(error)
  throw error
}
