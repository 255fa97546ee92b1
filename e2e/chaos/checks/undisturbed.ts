import type { RunRecord } from '../run-record.ts'
import { roleOf } from '../target.ts'

/** The database was up, and some server, and nobody touched these two all that time. */
export function wasServed(record: RunRecord, from: number, to: number): boolean {
  return databaseUndisturbed(record, from, to) && someServerUndisturbed(record, from, to)
}

function databaseUndisturbed(record: RunRecord, from: number, to: number): boolean {
  return isUp(record.database, from, to, 'up') && !wasStopped(record, 'database', from, to)
}

function someServerUndisturbed(record: RunRecord, from: number, to: number): boolean {
  const servers = Map.groupBy(record.server, ({ server }) => server)
  return [...servers].some(([name, events]) => isUp(events, from, to, 'down') && !wasStopped(record, name, from, to))
}

interface Change {
  readonly at: number
  readonly state: 'up' | 'down'
}

function isUp(changes: readonly Change[], from: number, to: number, initially: Change['state']): boolean {
  const before = changes.findLast(({ at }) => at <= from)?.state ?? initially
  return before === 'up' && !changes.some(({ at }) => at > from && at < to)
}

function wasStopped({ faults }: RunRecord, name: string, from: number, to: number): boolean {
  const stops = faults.filter(({ target, kind }) => target === name && (kind === 'stop' || kind === 'continue'))
  return stops.findLast(({ at }) => at <= from)?.kind === 'stop' || stops.some(({ at }) => at > from && at < to)
}

/** Nothing was done to this worker in that time. */
export function wasUndisturbed({ faults }: RunRecord, worker: string, from: number, to: number): boolean {
  const own = faults.filter(({ target, kind }) => roleOf(target) === 'worker' && target === worker && kind !== 'cut')
  return own.findLast(({ at }) => at <= from)?.kind !== 'stop' && !own.some(({ at }) => at > from && at < to)
}
