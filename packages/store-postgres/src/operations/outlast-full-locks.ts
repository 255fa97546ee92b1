import type { EnqueueOutcome, EnqueueParams } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { isOutOfMemory } from '../postgres-errors.ts'
import { CALL_TIMEOUT_MS } from '../time-limits.ts'

type Submissions = EnqueueParams['submissions']
type Enqueue = (submissions: Submissions) => Promise<readonly EnqueueOutcome[]>

const ALONE_AT_A_TIME = 4
const FIRST_PAUSE_MS = 16
const LONGEST_PAUSE_MS = 512

/**
 * Others may have filled the server's lock table, which undoes a transaction. What was too much for it together is stored
 * one by one, and each waits for room, as long as a call may take.
 */
export async function outlastFullLocks(submissions: Submissions, enqueue: Enqueue): Promise<readonly EnqueueOutcome[]> {
  const until = performance.now() + CALL_TIMEOUT_MS
  if (submissions.length <= 1) return enqueueInTime(submissions, enqueue, until)
  try {
    return await enqueue(submissions)
  } catch (error) {
    if (!isOutOfMemory(error)) throw error
  }
  const outcomes: EnqueueOutcome[] = []
  for (let from = 0; from < submissions.length; from += ALONE_AT_A_TIME) {
    const some = submissions.slice(from, from + ALONE_AT_A_TIME)
    outcomes.push(...(await Promise.all(some.map((one) => enqueueInTime([one], enqueue, until)))).flat())
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
      if (!isOutOfMemory(error) || performance.now() + pauseMs > until) throw error
    }
    await new Promise<void>((resolve) => systemClock.after(pauseMs, resolve))
  }
}
