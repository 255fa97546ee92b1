import { isTerminal, LIMITS, type TaskFilter, type TaskStatus, TERMINAL_STATUS_NUMBER } from '@taskyard/core'
import { encodeCursor } from '../cursor.ts'
import type { Lane } from '../lanes.ts'
import { row1, rows, type State } from '../state.ts'
import type { TaskRow } from '../wire.ts'
import { taskRowBySeq } from './find.ts'
import { promoteDue } from './promote.ts'

/** Rows looked at per page when no index fits the filter. The page ends there and its cursor goes on. */
const SCAN_BUDGET = 20_000
/** Up to this many lanes are merged by index; beyond, the tasks are scanned within the budget. */
const MERGED_LANES = 64

/** A page, its cursor decoded: a bad one is refused before it comes into a transaction that others share. */
export interface ListRows extends TaskFilter {
  readonly limit: number
  /** The number of submission that the page before ended with; `null`: the first page. */
  readonly below: number | null
}

interface Window {
  /** Numbers of submission, both exclusive. */
  readonly above: number
  readonly below: number
}

interface Candidates {
  readonly seqs: readonly number[]
  /** Where the next page begins; `null` when nothing is left. */
  readonly next: number | null
}

/** The port's `list`, newest submission first. A page also ends at its budget of rows or bytes, and may be empty with a cursor. */
export function list(state: State, params: ListRows, now: number): { rows: TaskRow[]; nextCursor: string | null } {
  promoteDue(state, now)
  const window = windowOf(state, params)
  const lanes = state.lanes.matching(params.namespace, params.queue, params.type)
  const { seqs, next } = candidates(state, params, lanes, window)
  return page(state, seqs, next)
}

function candidates(state: State, params: ListRows, lanes: readonly Lane[], window: Window): Candidates {
  const { status, tag, limit } = params
  if (lanes.length === 0) return { seqs: [], next: null }
  if (tag !== null) return scanTagged(state, params.namespace, tag, status, lanes, window, limit)
  if (status === 'queued' || status === 'scheduled' || status === 'running') {
    return scan(state, WAITING_TABLE[status], lanes, window, limit)
  }
  if (status === 'blocked') return { seqs: [], next: null }
  if (lanes.length > MERGED_LANES) return scan(state, 'tasks', lanes, window, limit, status)
  return mergeLanes(state, lanes, status, window, limit)
}

const WAITING_TABLE = { queued: 'ready', scheduled: 'scheduled', running: 'leases' } as const

function mergeLanes(
  state: State,
  lanes: readonly Lane[],
  status: TaskStatus | null,
  window: Window,
  limit: number,
): Candidates {
  const seqs = lanes.flatMap(({ lane }) => newestOfLane(state, lane, status, window, limit + 1))
  seqs.sort((a, b) => b - a)
  const found = seqs.slice(0, limit)
  return { seqs: found, next: seqs.length > limit ? (found.at(-1) as number) : null }
}

function newestOfLane(state: State, lane: number, status: TaskStatus | null, { above, below }: Window, limit: number) {
  const order = 'AND seq > ? AND seq < ? ORDER BY seq DESC LIMIT ?'
  const found =
    status !== null && isTerminal(status)
      ? rows<[number]>(
          state.sql(`SELECT seq FROM finished WHERE lane = ? AND status = ? ${order}`),
          ...[lane, TERMINAL_STATUS_NUMBER[status], above, below, limit],
        )
      : rows<[number]>(state.sql(`SELECT seq FROM tasks WHERE lane = ? ${order}`), lane, above, below, limit)
  return found.map(([seq]) => seq)
}

function scan(
  state: State,
  table: 'ready' | 'scheduled' | 'leases' | 'tasks',
  lanes: readonly Lane[],
  { above, below }: Window,
  limit: number,
  status: TaskStatus | null = null,
): Candidates {
  const select = state.sql(`SELECT seq, lane FROM ${table} WHERE seq > ? AND seq < ? ORDER BY seq DESC LIMIT ?`)
  const scanned = rows<[number, number]>(select, above, below, SCAN_BUDGET)
  return pick(state, scanned, lanes, status, limit)
}

function scanTagged(
  state: State,
  namespace: string,
  tag: string,
  status: TaskStatus | null,
  lanes: readonly Lane[],
  { above, below }: Window,
  limit: number,
): Candidates {
  const select = state.sql(
    `SELECT seq, lane FROM task_tags JOIN tasks USING (seq)
     WHERE namespace = ? AND tag = ? AND seq > ? AND seq < ? ORDER BY seq DESC LIMIT ?`,
  )
  return pick(state, rows<[number, number]>(select, namespace, tag, above, below, SCAN_BUDGET), lanes, status, limit)
}

function pick(
  state: State,
  scanned: readonly (readonly [seq: number, lane: number])[],
  lanes: readonly Lane[],
  status: TaskStatus | null,
  limit: number,
): Candidates {
  const wanted = new Set(lanes.map(({ lane }) => lane))
  const seqs: number[] = []
  for (const [seq, lane] of scanned) {
    if (!wanted.has(lane) || (status !== null && taskRowBySeq(state, seq)?.[4] !== status)) continue
    if (seqs.length === limit) return { seqs, next: seqs.at(-1) as number }
    seqs.push(seq)
  }
  const budgetSpent = scanned.length === SCAN_BUDGET
  return { seqs, next: budgetSpent ? (scanned.at(-1)?.[0] as number) : null }
}

function page(state: State, seqs: readonly number[], next: number | null) {
  const found: TaskRow[] = []
  let bytes = 0
  for (const seq of seqs) {
    const row = taskRowBySeq(state, seq)
    if (row === null) continue
    found.push(row)
    bytes += Buffer.byteLength(row[6]) + Buffer.byteLength(row[7] ?? '')
    if (bytes >= LIMITS.pageBytes && seq !== seqs.at(-1)) return { rows: found, nextCursor: encodeCursor(seq) }
  }
  return { rows: found, nextCursor: next === null ? null : encodeCursor(next) }
}

function windowOf(state: State, { below, createdAfter, createdBefore }: ListRows): Window {
  const above = createdAfter === null ? 0 : firstCreatedAt(state, createdAfter) - 1
  const end = createdBefore === null ? state.nextSeq : firstCreatedAt(state, createdBefore)
  return { above, below: below === null ? end : Math.min(end, below) }
}

// Numbers of submission rise with creation time, so the border is found by halving.
function firstCreatedAt(state: State, time: number): number {
  const createdAt = state.sql('SELECT seq, created_at FROM tasks WHERE seq >= ? ORDER BY seq LIMIT 1')
  let low = 1
  let high = state.nextSeq
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const row = row1<[number, number]>(createdAt, middle)
    if (row !== undefined && row[1] < time) low = row[0] + 1
    else high = middle
  }
  return low
}
