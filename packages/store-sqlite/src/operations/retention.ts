import { type Retention, TERMINAL_STATUS_NUMBER, untilBytes } from '@taskyard/core'
import { row1, rows, type State } from '../state.ts'

/** Tasks looked at, and removed, by a few statements for all of them: at first, and at most when they are small. */
const FIRST_AT_ONCE = 8
const MOST_AT_ONCE = 128
/** A step ends after this time, so that calls beside it need not wait for long, however large what it removes. Milliseconds that really pass. */
const STEP_MS = 20

export interface Removal {
  readonly removed: number
  /** The step ended before it had looked at everything that is due. */
  readonly hasMore: boolean
}

/** Removes finished tasks that are over their time or, the longest finished first, over the bytes of all. */
export function removeFinished(state: State, retention: Retention, limit: number, now: number): Removal {
  const step = { left: limit, atOnce: FIRST_AT_ONCE, roundFrom: performance.now(), until: performance.now() + STEP_MS }
  removeOldSucceeded(state, now - retention.succeededSeconds * 1000, step)
  removeOldFailed(state, now - retention.failedSeconds * 1000, step)
  removeOverBytes(state, retention.finishedBytes, step)
  return { removed: limit - step.left, hasMore: step.left === 0 || step.until === SPENT }
}

interface Step {
  /** Tasks that may still be removed. */
  left: number
  /** Tasks of the next round. */
  atOnce: number
  roundFrom: number
  until: number
}

const SPENT = Number.NEGATIVE_INFINITY

/** How many tasks the next round may have, by how long the one before took; 0 when the step is over. The first is always made. */
function nextRound(step: Step, isFirst: boolean): number {
  const now = performance.now()
  if (!isFirst) {
    if (now > step.until) step.until = SPENT
    const wasQuick = now - step.roundFrom < STEP_MS / 8
    step.atOnce = wasQuick ? Math.min(MOST_AT_ONCE, step.atOnce * 2) : Math.max(1, step.atOnce >> 1)
  }
  step.roundFrom = now
  return step.until === SPENT ? 0 : Math.min(step.left, step.atOnce)
}

/** Makes rounds of at most so many tasks until `round` has nothing more to do, or the step is over. */
function inRounds(step: Step, round: (most: number) => 'more' | 'done'): void {
  for (let isFirst = true; ; isFirst = false) {
    const most = nextRound(step, isFirst)
    if (most === 0 || round(most) === 'done') return
  }
}

export type FinishedRow = [n: number, seq: number, lane: number, status: number, bytes: number, finishedAt: number]
export const FINISHED_COLUMNS = 'n, seq, lane, status, bytes, finished_at'

// Failed tasks are passed over on the way: they are kept longer than the others.
function removeOldSucceeded(state: State, before: number, step: Step): void {
  const select = state.sql(`SELECT ${FINISHED_COLUMNS} FROM finished WHERE n > ? ORDER BY n LIMIT ?`)
  const isFailed = ([, , , status]: FinishedRow) => status === TERMINAL_STATUS_NUMBER.failed
  inRounds(step, (most) => {
    const next = rows<FinishedRow>(select, state.retentionFloor, most)
    const firstKept = next.findIndex((row) => !isFailed(row) && row[5] > before)
    const passed = firstKept === -1 ? next : next.slice(0, firstKept)
    const old = passed.filter((row) => !isFailed(row))
    removeTasks(state, old, step)
    state.retentionFloor = passed.at(-1)?.[0] ?? state.retentionFloor
    keepFloorBelowNext(state)
    return passed.length === next.length && next.length > 0 ? 'more' : 'done'
  })
}

/**
 * SQLite gives the numbers of the last finished tasks again once they are gone: the floor never stays above a number
 * to come. Called after every removal.
 */
export function keepFloorBelowNext(state: State): void {
  const [last] = row1<[number | null]>(state.sql('SELECT max(n) FROM finished')) ?? [null]
  state.retentionFloor = Math.min(state.retentionFloor, last ?? 0)
}

function removeOldFailed(state: State, before: number, step: Step): void {
  const select = state.sql(`SELECT ${FINISHED_COLUMNS} FROM finished WHERE status = 2 ORDER BY n LIMIT ?`)
  inRounds(step, (most) => {
    const next = rows<FinishedRow>(select, most)
    const old = next.filter(([, , , , , at]) => at <= before)
    removeTasks(state, old, step)
    keepFloorBelowNext(state)
    return old.length === next.length && next.length > 0 ? 'more' : 'done'
  })
}

function removeOverBytes(state: State, maxBytes: number, step: Step): void {
  const select = state.sql(`SELECT ${FINISHED_COLUMNS} FROM finished ORDER BY n LIMIT ?`)
  const excess = () => state.counters.finishedBytes - maxBytes
  if (excess() <= 0) return
  inRounds(step, (most) => {
    const oldest = rows<FinishedRow>(select, most)
    removeTasks(
      state,
      untilBytes(oldest, excess(), ([, , , , bytes]) => bytes),
      step,
    )
    keepFloorBelowNext(state)
    return excess() > 0 && oldest.length > 0 ? 'more' : 'done'
  })
}

const STATUS_NAMES = ['succeeded', 'failed', 'cancelled'] as const

function removeTasks(state: State, removed: readonly FinishedRow[], step: Step): void {
  removeEnded(state, removed)
  step.left -= removed.length
}

/** Takes ended tasks away with all that belongs to them, and out of the counts. `keepFloorBelowNext` is to be called afterwards. */
export function removeEnded(state: State, removed: readonly FinishedRow[]): void {
  if (removed.length === 0) return
  const seqs = JSON.stringify(removed.map(([, seq]) => seq))
  removeTags(state, seqs)
  deleteAll(state, 'finished', 'n', JSON.stringify(removed.map(([n]) => n)))
  for (const table of ['history', 'settled', 'lone_crashes', 'tasks']) deleteAll(state, table, 'seq', seqs)
  for (const [, , lane, status, bytes] of removed) {
    state.counters.add(lane, STATUS_NAMES[status - 1] as (typeof STATUS_NAMES)[number], -1)
    state.counters.add(lane, 'finished_bytes', -bytes)
  }
}

function deleteAll(state: State, table: string, column: string, values: string): void {
  state.sql(`DELETE FROM ${table} WHERE ${column} IN (SELECT value FROM json_each(?))`).run(values)
}

function removeTags(state: State, seqs: string): void {
  const select = state.sql(
    'SELECT seq, lane, tags FROM tasks WHERE tags IS NOT NULL AND seq IN (SELECT value FROM json_each(?))',
  )
  const remove = state.sql('DELETE FROM task_tags WHERE namespace = ? AND tag = ? AND seq = ?')
  for (const [seq, lane, tags] of rows<[number, number, string]>(select, seqs)) {
    const { namespace } = state.lanes.get(lane)
    for (const tag of JSON.parse(tags) as string[]) remove.run(namespace, tag, seq)
  }
}
