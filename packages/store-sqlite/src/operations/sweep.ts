import type { Retention, SweepParams, SweepReport } from '@taskyard/core'
import { row1, rows, type State } from '../state.ts'
import { endOverdueLeases } from './leases.ts'
import { promoteDue } from './promote.ts'

export function sweep(state: State, params: SweepParams, now: number): SweepReport {
  const promoted = promoteDue(state, now)
  const ended = endOverdueLeases(state, params, now)
  const removed = removeFinished(state, params.retention, params.limit, now)
  forgetKeys(state, params.limit, now)
  const isBehind = ended.length === params.limit || removed === params.limit || state.nextDue <= now
  return { ended, promoted, removed, nextAt: isBehind ? now : nextWake(state, params.cancelGraceMs) }
}

function nextWake(state: State, cancelGraceMs: number): number | null {
  const row = row1<[number | null, number | null, number | null]>(
    state.sql('SELECT min(expires_at), min(deadline_at), min(cancel_requested_at) FROM leases'),
  )
  const [expiresAt, deadlineAt, cancelRequestedAt] = row ?? [null, null, null]
  const cancelAt = cancelRequestedAt === null ? null : cancelRequestedAt + cancelGraceMs
  const times = [expiresAt, deadlineAt, cancelAt, state.nextDue].filter((time) => time !== null)
  const next = Math.min(...times)
  return next === Number.POSITIVE_INFINITY ? null : next
}

type FinishedRow = [n: number, seq: number, lane: number, status: number, bytes: number, finishedAt: number]
const FINISHED_COLUMNS = 'n, seq, lane, status, bytes, finished_at'

function removeFinished(state: State, retention: Retention, limit: number, now: number): number {
  let removed = removeOldSucceeded(state, now - retention.succeededSeconds * 1000, limit)
  removed += removeOldFailed(state, now - retention.failedSeconds * 1000, limit - removed)
  removed += removeOverBytes(state, retention.finishedBytes, limit - removed)
  return removed
}

function removeOldSucceeded(state: State, before: number, limit: number): number {
  const select = state.sql(`SELECT ${FINISHED_COLUMNS} FROM finished WHERE n > ? AND status <> 2 ORDER BY n LIMIT ?`)
  const old = rows<FinishedRow>(select, state.retentionFloor, limit).filter(([, , , , , at]) => at <= before)
  for (const row of old) {
    removeTask(state, row)
    state.retentionFloor = row[0]
  }
  return old.length
}

function removeOldFailed(state: State, before: number, limit: number): number {
  const select = state.sql(`SELECT ${FINISHED_COLUMNS} FROM finished WHERE status = 2 ORDER BY n LIMIT ?`)
  const old = rows<FinishedRow>(select, limit).filter(([, , , , , at]) => at <= before)
  for (const row of old) removeTask(state, row)
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
  return removed
}

const STATUS_NAMES = ['succeeded', 'failed', 'cancelled'] as const

function removeTask(state: State, [n, seq, lane, status, bytes]: FinishedRow): void {
  state.sql('DELETE FROM finished WHERE n = ?').run(n)
  state.sql('DELETE FROM history WHERE seq = ?').run(seq)
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

function forgetKeys(state: State, limit: number, now: number): void {
  const forget = state.sql(
    `DELETE FROM idempotency WHERE (namespace, key) IN
       (SELECT namespace, key FROM idempotency WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`,
  )
  forget.run(now, limit)
}
