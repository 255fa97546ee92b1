import type { RunRecord } from '../run-record.ts'
import { ifJudged, type Judgement } from './judgement.ts'
import { wasServed, wasUndisturbed } from './undisturbed.ts'

/** So many tasks are enough that every worker gets one. */
const ENOUGH_TASKS = 50
/** A worker that started something in this time before the outage was there. */
const ACTIVE_WITHIN_MS = 10_000

/**
 * How soon each worker that was there before an outage of the database starts something after it, with nobody touching
 * it. Judged where there was plenty to do, and servers and database were left alone.
 */
export function judgeOutages(record: RunRecord, limitMs: number): readonly Judgement[] {
  return outages(record).flatMap(({ from, to, what }) => {
    const seen = wasServed(record, to, to + limitMs) && hadEnoughTasks(record, to, to + limitMs / 2)
    return workersBefore(record, from)
      .filter((worker) => wasUndisturbed(record, worker, from - ACTIVE_WITHIN_MS, to + limitMs))
      .map((worker): Judgement => {
        const start = record.starts.find(({ at, worker: other }) => other === worker && at > to)
        const time = start === undefined ? null : start.at - to
        return { id: worker, timeMs: ifJudged(time, limitMs, seen), fault: what }
      })
  })
}

interface Outage {
  readonly from: number
  readonly to: number
  readonly what: string
}

function outages({ database, faults }: RunRecord): readonly Outage[] {
  const found: Outage[] = []
  for (const [index, { state, at }] of database.entries()) {
    const before = database[index - 1]
    if (state === 'up' && before?.state === 'down') found.push(outage(before.at, at, 'outage'))
  }
  const stops = faults.filter(({ target, kind }) => target === 'database' && (kind === 'stop' || kind === 'continue'))
  for (const [index, { kind, at }] of stops.entries()) {
    const before = stops[index - 1]
    if (kind === 'continue' && before?.kind === 'stop') found.push(outage(before.at, at, 'hang'))
  }
  return found
}

function outage(from: number, to: number, kind: string): Outage {
  return { from, to, what: `${kind} of the database of ${((to - from) / 1000).toFixed(1)} s` }
}

function hadEnoughTasks({ submits }: RunRecord, from: number, to: number): boolean {
  const between = submits.filter(({ at }) => at > from && at < to)
  return between.reduce((sum, { tasks }) => sum + tasks, 0) >= ENOUGH_TASKS
}

function workersBefore({ starts }: RunRecord, from: number): readonly string[] {
  return [...new Set(starts.filter(({ at }) => at > from - ACTIVE_WITHIN_MS && at < from).map(({ worker }) => worker))]
}
