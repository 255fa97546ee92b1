import type { ClaimParams, LeasedTask } from '@taskyard/core'
import type { CallContext } from './call-context.ts'
import type { Reply } from './connection.ts'
import { SCRIPTS } from './scripts.ts'
import { F, type LaneTable, laneTable, storedTask, untriedTask } from './task-records.ts'

/** The port's `claim`. */
export async function claim(context: CallContext, params: ClaimParams): Promise<readonly LeasedTask[]> {
  const reply = (await context.run(SCRIPTS.claim, [context.now(), ...claimArgs(params)])) as readonly string[]
  const [now, readyLanes, lanes] = reply as [string, string, string]
  context.publishReady(readyLanes)
  return leasedTasks(params, Number(now), laneTable(lanes), reply.slice(3))
}

/** Arguments of a claim as the scripts take them. */
export function claimArgs(claim: ClaimParams): readonly string[] {
  const { namespace, queues, types, limit, leaseMs, worker, requestId } = claim
  return [
    namespace,
    queues === null ? '*' : queues.join(F),
    types === null ? '*' : types.join(F),
    String(limit),
    String(leaseMs),
    JSON.stringify(worker.workerId),
    `${worker.session ? '1' : '0'}${worker.nodeId ?? ''}`,
    requestId === null ? '' : JSON.stringify(requestId),
  ]
}

/** The tasks of a claim's answer: their ids, how they differ from a first attempt or that they come again, their records. */
export function leasedTasks(
  { leaseMs, worker }: ClaimParams,
  now: number,
  lanes: LaneTable,
  answer: readonly Reply[],
): LeasedTask[] {
  const [idsText, triedText, ...records] = answer as [string, string, ...string[]]
  if (records.length === 0) return []
  const ids = idsText.split(',')
  if (triedText === GIVEN_AGAIN) return leasesAgain(ids, records, lanes, now)
  const tried = triedText.split(';')
  const expiresAt = now + leaseMs
  return records.map((record, i) => {
    const task = untriedTask(ids[i] as string, record, lanes)
    const attempts = tried[i] === '' ? { ...FIRST, runAt: task.createdAt } : attemptsOf(tried[i] as string)
    return {
      ...task,
      status: 'running',
      attempt: attempts.attempt,
      crashes: attempts.crashes,
      runAt: attempts.runAt,
      startedAt: now,
      workerId: worker.workerId,
      lease: { token: attempts.token, expiresAt },
    }
  })
}

const GIVEN_AGAIN = 'again'

/** Leases that an earlier call of the same name has given; of each task both records, and the end of its lease. */
function leasesAgain(ids: readonly string[], records: readonly string[], lanes: LaneTable, now: number): LeasedTask[] {
  return ids.map((id, i) => {
    const [record, state, expiresAt] = records.slice(3 * i) as [string, string, string]
    const { task, token } = storedTask(id, record, state, lanes, now)
    return { ...task, lease: { token, expiresAt: Number(expiresAt), again: true } }
  })
}

const FIRST = { token: 1, attempt: 1, crashes: 0 }

function attemptsOf(text: string) {
  const [token, attempt, crashes, runAt] = text.split(',').map(Number) as [number, number, number, number]
  return { token, attempt, crashes, runAt }
}
