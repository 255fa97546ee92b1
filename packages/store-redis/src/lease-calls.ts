import {
  type EndedLease,
  type EndLeasesParams,
  type ExtendParams,
  type ExtendStatus,
  type JsonText,
  type LeaseStatus,
  LIMITS,
  type RecordParams,
  type TakeBackCrashesParams,
  toJsonText,
  type WorkerName,
  workerKey,
} from '@taskyard/core'
import { type CallContext, inParts, inTextParts } from './call-context.ts'
import { SCRIPTS } from './scripts.ts'
import { F, type LaneNames, type LaneTable, laneTable, statusOf } from './task-records.ts'

const LEASES_PER_CALL = 1000

/** The port's `extend`. */
export async function extend(
  { run, now }: Pick<CallContext, 'run' | 'now'>,
  { namespace, leases, leaseMs }: ExtendParams,
): Promise<readonly ExtendStatus[]> {
  const statuses: ExtendStatus[] = []
  for (const part of inParts(leases, LEASES_PER_CALL)) {
    const args = part.flatMap(({ taskId, token }) => [taskId, String(token)])
    const answer = (await run(SCRIPTS.extend, [now(), namespace, leaseMs, ...args])) as string
    for (const letter of answer) statuses.push(letter === 'o' ? 'ok' : letter === 'c' ? 'cancel' : 'lost')
  }
  return statuses
}

/** The port's `record`. */
export async function record(
  { run, now }: CallContext,
  { namespace, entries }: RecordParams,
): Promise<readonly LeaseStatus[]> {
  const statuses: LeaseStatus[] = []
  const lengthOf = ({ progress, log }: RecordParams['entries'][number]) => (progress?.length ?? 0) + (log?.length ?? 0)
  for (const part of inTextParts(entries, LEASES_PER_CALL, lengthOf)) {
    const args = part.flatMap(({ taskId, token, progress, log }) => [
      taskId,
      String(token),
      progress ?? '',
      logText(log),
    ])
    const limits = [LIMITS.recordsPerAttempt, LIMITS.recordsPerTask]
    const answer = (await run(SCRIPTS.record, [now(), namespace, ...limits, ...args])) as string
    for (const letter of answer) statuses.push(letter === 'o' ? 'ok' : 'lost')
  }
  return statuses
}

function logText(line: string | null): JsonText | '' {
  return line === null ? '' : toJsonText({ line })
}

/** The port's `endLeases`. */
export async function endLeases(context: CallContext, { workers }: EndLeasesParams): Promise<readonly EndedLease[]> {
  if (workers.length === 0) return []
  const ended: EndedLease[] = []
  for (let more = true; more; ) {
    const args = [context.now(), LEASES_PER_CALL, ...workers.flatMap((worker) => [holderOf(worker), workerKey(worker)])]
    const [readyLanes, lanes, ...texts] = (await context.run(SCRIPTS.endLeases, args)) as string[]
    context.publishReady(readyLanes as string)
    ended.push(...endedLeases(texts, laneTable(lanes as string)))
    more = texts.length >= LEASES_PER_CALL
  }
  return ended
}

/** The name under which the store keeps a worker's leases. */
function holderOf({ namespace, workerId }: WorkerName): string {
  return `${namespace}\n${JSON.stringify(workerId)}`
}

/** The port's `takeBackCrashes`. */
export async function takeBackCrashes(
  { run }: CallContext,
  { namespace, leases }: TakeBackCrashesParams,
): Promise<void> {
  for (const part of inParts(leases, LEASES_PER_CALL)) {
    const args = part.flatMap(({ taskId, token }) => [taskId, String(token)])
    await run(SCRIPTS.takeBackCrashes, [namespace, ...args])
  }
}

/** Leases that ended, as scripts name them. */
export function endedLeases(texts: readonly string[], lanes: LaneTable): EndedLease[] {
  return texts.map((text) => {
    const [taskId, token, reason, lane, worker, letter] = text.split(F) as string[]
    const { namespace, queue, type } = lanes.get(lane as string) as LaneNames
    return {
      taskId: taskId as string,
      token: Number(token),
      reason: reason as EndedLease['reason'],
      namespace,
      queue,
      type,
      workerId: JSON.parse(worker as string) as string,
      taskStatus: statusOf(letter as string),
    }
  })
}
