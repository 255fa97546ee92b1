import type { StartEvent } from '../history.ts'
import type { Lease, RunRecord, TaskRecord } from '../run-record.ts'
import { roleOf } from '../target.ts'
import type { Violation } from '../violation.ts'

export interface Restarts {
  readonly tasks: number
  /** How often each reason led to a further start. */
  readonly reasons: Readonly<Record<string, number>>
}

/** Tasks whose handler started more than once, and why. At-least-once delivery allows it; it informs. */
export function startedMoreThanOnce(record: RunRecord): Restarts {
  const reasons: Record<string, number> = {}
  let tasks = 0
  for (const task of record.tasks.values()) {
    if (task.starts.length < 2) continue
    tasks += 1
    // By token, not by time: a worker that was frozen starts what it holds when it wakes up, long after its successor.
    const starts = task.starts.toSorted((a, b) => a.token - b.token)
    for (const [index, start] of starts.entries()) {
      if (index === 0) continue
      const earlier = starts[index - 1] as StartEvent
      const reason = restartReason(record, task, earlier, start.at)
      reasons[reason] = (reasons[reason] ?? 0) + 1
    }
  }
  return { tasks, reasons }
}

function restartReason({ faults, run }: RunRecord, task: TaskRecord, earlier: StartEvent, until: number): string {
  const settled = task.settles.find(({ token, answer }) => token === earlier.token && answer !== 'lost')
  if (settled?.outcome === 'failed') return 'the attempt failed and was retried'
  if (settled?.outcome === 'released') return 'the attempt was released'
  const givenOut = task.leases.find(({ token }) => token === earlier.token)?.at ?? earlier.at
  const between = faults.filter(({ at }) => at > givenOut - run.leaseMs && at < until)
  const ofWorker = between.filter(({ target }) => target === earlier.worker)
  if (ofWorker.some(({ kind }) => kind === 'kill')) return 'its worker was killed'
  if (ofWorker.some(({ kind }) => kind === 'stop')) return 'its worker hung'
  if (ofWorker.some(({ kind }) => kind === 'drain')) return 'its worker was drained'
  if (ofWorker.some(({ kind }) => kind === 'cut')) return 'its connection was cut'
  if (between.some(({ target }) => roleOf(target) === 'server')) return 'a server was down'
  if (between.some(({ target }) => roleOf(target) === 'database')) return 'the database was down'
  return ranOut(task, earlier, run.leaseMs) ? 'its lease ran out' : 'unexplained'
}

/** A slow store: the lease's time was over, counted from when it was asked for, and nothing had extended it. */
function ranOut({ leases }: TaskRecord, { token }: StartEvent, leaseMs: number): boolean {
  const lease = leases.find((other) => other.token === token)
  const next = leases.find((other) => other.token > token)
  return lease !== undefined && next !== undefined && next.at >= lease.extendedAt + leaseMs
}

/**
 * Leases given out while an earlier one certainly lived: inside its time since the last granted heartbeat, not settled,
 * and with nothing done to its worker or a server that could have ended it early. An outage of the database ends no lease.
 */
export function overlapping(record: RunRecord): readonly Violation[] {
  return [...record.tasks.values()].flatMap((task) =>
    task.leases.flatMap((lease) => {
      const earlier = task.leases.find((other) => other.token < lease.token && livedAt(record, task, other, lease.at))
      if (earlier === undefined) return []
      const what = `token ${lease.token} to ${lease.worker} while token ${earlier.token} of ${earlier.worker} was alive`
      return [{ subject: task.id, what }]
    }),
  )
}

function livedAt({ run, faults }: RunRecord, task: TaskRecord, lease: Lease, at: number): boolean {
  if (at <= lease.at || at >= lease.extendedAt + run.leaseMs) return false
  if (task.settles.some(({ token, sentAt, answer }) => token === lease.token && sentAt < at && answer !== 'lost'))
    return false
  const from = lease.sentAt - run.leaseMs - run.sessionGraceMs
  return !faults.some(
    ({ target, at: faultAt }) =>
      (target === lease.worker || roleOf(target) === 'server') && faultAt > from && faultAt < at,
  )
}
