import type { Retention } from '@taskyard/core'
import { row1, rows, type State } from '../state.ts'
import { STATUS_NUMBER } from './move.ts'

/** Finished tasks looked at in one step. Failed ones are passed over on the way: they are kept longer than the others. */
const LOOKED_AT = 20_000

export interface Removal {
  readonly removed: number
  /** The step ended before it had looked at everything that is due. */
  readonly hasMore: boolean
}

/** Removes finished tasks that are over their time or, the longest finished first, over the bytes of all. */
export function removeFinished(state: State, retention: Retention, limit: number, now: number): Removal {
  const succeeded = removeOldSucceeded(state, now - retention.succeededSeconds * 1000, limit)
  let { removed } = succeeded
  removed += removeOldFailed(state, now - retention.failedSeconds * 1000, limit - removed)
  removed += removeOverBytes(state, retention.finishedBytes, limit - removed)
  return { removed, hasMore: succeeded.hasMore || removed === limit }
}

type FinishedRow = [n: number, seq: number, lane: number, status: number, bytes: number, finishedAt: number]
const FINISHED_COLUMNS = 'n, seq, lane, status, bytes, finished_at'

function removeOldSucceeded(state: State, before: number, limit: number): Removal {
  const select = state.sql(`SELECT ${FINISHED_COLUMNS} FROM finished WHERE n > ? ORDER BY n LIMIT ?`)
  let removed = 0
  for (let lookedAt = 0; lookedAt < LOOKED_AT; ) {
    const next = rows<FinishedRow>(select, state.retentionFloor, limit - removed)
    const old = next.filter(([, , , status, , at]) => status !== STATUS_NUMBER.failed && at <= before)
    for (const row of old) removeTask(state, row)
    removed += old.length
    lookedAt += next.length
    const firstKept = next.findIndex(([, , , status, , at]) => status !== STATUS_NUMBER.failed && at > before)
    raiseFloor(state, firstKept === -1 ? next.at(-1) : next[firstKept - 1])
    if (removed === limit) return { removed, hasMore: true }
    if (firstKept !== -1 || next.length === 0) return { removed, hasMore: false }
  }
  return { removed, hasMore: true }
}

function raiseFloor(state: State, row: FinishedRow | undefined): void {
  if (row !== undefined) state.retentionFloor = row[0]
  keepFloorBelowNext(state)
}

/**
 * SQLite gives the numbers of the last finished tasks again once they are gone: the floor never stays above a number
 * to come. Called after every removal.
 */
export function keepFloorBelowNext(state: State): void {
  const [last] = row1<[number | null]>(state.sql('SELECT max(n) FROM finished')) ?? [null]
  state.retentionFloor = Math.min(state.retentionFloor, last ?? 0)
}

function removeOldFailed(state: State, before: number, limit: number): number {
  const select = state.sql(`SELECT ${FINISHED_COLUMNS} FROM finished WHERE status = 2 ORDER BY n LIMIT ?`)
  const old = rows<FinishedRow>(select, limit).filter(([, , , , , at]) => at <= before)
  for (const row of old) removeTask(state, row)
  keepFloorBelowNext(state)
  return old.length
}

function removeOverBytes(state: State, maxBytes: number, limit: number): number {
  if (limit <= 0 || state.counters.finishedBytes <= maxBytes) return 0
  const oldest = rows<FinishedRow>(state.sql(`SELECT ${FINISHED_COLUMNS} FROM finished ORDER BY n LIMIT ?`), limit)
  let removed = 0
  for (const row of oldest) {
    if (state.counters.finishedBytes <= maxBytes) break
    removeTask(state, row)
    removed += 1
  }
  keepFloorBelowNext(state)
  return removed
}

const STATUS_NAMES = ['succeeded', 'failed', 'cancelled'] as const

function removeTask(state: State, [n, seq, lane, status, bytes]: FinishedRow): void {
  state.sql('DELETE FROM finished WHERE n = ?').run(n)
  for (const table of ['history', 'settled', 'lone_crashes']) state.sql(`DELETE FROM ${table} WHERE seq = ?`).run(seq)
  const [tags] = row1<[string | null]>(state.sql('SELECT tags FROM tasks WHERE seq = ?'), seq) ?? [null]
  if (tags !== null) removeTags(state, seq, lane, JSON.parse(tags))
  state.sql('DELETE FROM tasks WHERE seq = ?').run(seq)
  state.counters.add(lane, STATUS_NAMES[status - 1] as (typeof STATUS_NAMES)[number], -1)
  state.counters.add(lane, 'finished_bytes', -bytes)
}

function removeTags(state: State, seq: number, lane: number, tags: readonly string[]): void {
  const { namespace } = state.lanes.get(lane)
  const remove = state.sql('DELETE FROM task_tags WHERE namespace = ? AND tag = ? AND seq = ?')
  for (const tag of tags) remove.run(namespace, tag, seq)
}
