import {
  isTerminal,
  listedStatuses,
  type TaskFilter,
  type TaskStatus,
  TERMINAL_STATUS_NUMBER,
  type TerminalStatus,
} from '@taskyard/core'
import type { Lane } from '../lanes.ts'
import { rows, type State } from '../state.ts'
import { taskRowBySeq } from './find.ts'

/** Up to this many lanes are merged by index; beyond, the tasks are scanned within the budget. */
const MERGED_LANES = 64

/** A page, its cursor decoded: a bad one is refused before it comes into a transaction that others share. */
export interface ListRows extends TaskFilter {
  readonly limit: number
  /** The number of submission that the page before ended with; `null`: the first page. */
  readonly below: number | null
}

/** Where to look, and how far. */
export interface Look {
  readonly lanes: readonly Lane[]
  /** Numbers of submission, both exclusive. */
  readonly above: number
  readonly below: number
  /** Of one lane or table. */
  readonly limit: number
  /** Of all together. */
  readonly most: number
  /** Rows of one table that are looked through, where no index fits. */
  readonly budget: number
}

export interface Candidates {
  /** Newest first. */
  readonly seqs: readonly number[]
  /** Nothing is missing above it; `null` when nothing is left below. */
  readonly next: number | null
  /** Rows that it took to find them. */
  readonly looked: number
}

const NONE: Candidates = { seqs: [], next: null, looked: 0 }

/** The newest tasks that fit a filter, but for its times and the code of their error. */
export function candidates(state: State, params: ListRows, look: Look): Candidates {
  const statuses = listedStatuses(params)
  if (look.lanes.length === 0 || statuses?.length === 0) return NONE
  if (params.tag !== null) return scanTagged(state, params.namespace, params.tag, statuses, look)
  if (statuses === null) return inLanes(state, null, look)
  const ended = statuses.filter(isTerminal)
  const parts = WAITING.filter(([status]) => statuses.includes(status)).map(([, table]) =>
    scan(state, table, null, look),
  )
  return merged(ended.length === 0 ? parts : [...parts, inLanes(state, ended, look)], look.most)
}

const WAITING = [
  ['queued', 'ready'],
  ['scheduled', 'scheduled'],
  ['running', 'leases'],
] as const

/** All tasks of the lanes, or those that have ended so. */
function inLanes(state: State, ended: readonly TerminalStatus[] | null, look: Look): Candidates {
  const { lanes } = look
  if (lanes.length > MERGED_LANES) return scan(state, 'tasks', ended, look)
  const parts = lanes.flatMap(({ lane }) =>
    ended === null
      ? [newestOf(state, 'tasks WHERE lane = ?', [lane], look)]
      : ended.map((status) =>
          newestOf(state, 'finished WHERE lane = ? AND status = ?', [lane, TERMINAL_STATUS_NUMBER[status]], look),
        ),
  )
  return merged(parts, look.most)
}

function newestOf(state: State, from: string, values: readonly number[], { above, below, limit }: Look): Candidates {
  const select = state.sql(`SELECT seq FROM ${from} AND seq > ? AND seq < ? ORDER BY seq DESC LIMIT ?`)
  const seqs = rows<[number]>(select, ...values, above, below, limit + 1).map(([seq]) => seq)
  return cut(seqs, limit, null, seqs.length)
}

/** Puts parts together that have no task in common. */
function merged(parts: readonly Candidates[], most: number): Candidates {
  const next = parts.reduce<number | null>((highest, part) => higher(highest, part.next), null)
  const looked = parts.reduce((sum, part) => sum + part.looked, 0)
  const seqs = parts.flatMap((part) => part.seqs).filter((seq) => next === null || seq >= next)
  seqs.sort((one, other) => other - one)
  return cut(seqs, most, next, looked)
}

function higher(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.max(one, other)
}

function cut(seqs: readonly number[], limit: number, next: number | null, looked: number): Candidates {
  if (seqs.length <= limit) return { seqs, next, looked }
  const first = seqs.slice(0, limit)
  return { seqs: first, next: first.at(-1) as number, looked }
}

function scan(
  state: State,
  table: 'ready' | 'scheduled' | 'leases' | 'tasks',
  statuses: readonly TaskStatus[] | null,
  look: Look,
): Candidates {
  const select = state.sql(`SELECT seq, lane FROM ${table} WHERE seq > ? AND seq < ? ORDER BY seq DESC LIMIT ?`)
  return pick(state, rows<[number, number]>(select, look.above, look.below, look.budget), statuses, look)
}

function scanTagged(
  state: State,
  namespace: string,
  tag: string,
  statuses: readonly TaskStatus[] | null,
  look: Look,
): Candidates {
  const select = state.sql(
    `SELECT seq, lane FROM task_tags JOIN tasks USING (seq)
     WHERE namespace = ? AND tag = ? AND seq > ? AND seq < ? ORDER BY seq DESC LIMIT ?`,
  )
  const scanned = rows<[number, number]>(select, namespace, tag, look.above, look.below, look.budget)
  return pick(state, scanned, statuses, look)
}

function pick(
  state: State,
  scanned: readonly (readonly [seq: number, lane: number])[],
  statuses: readonly TaskStatus[] | null,
  { lanes, limit, budget }: Look,
): Candidates {
  const looked = scanned.length
  const wanted = new Set(lanes.map(({ lane }) => lane))
  const seqs: number[] = []
  for (const [seq, lane] of scanned) {
    if (!wanted.has(lane)) continue
    if (statuses !== null && !statuses.includes(taskRowBySeq(state, seq)?.[4] as TaskStatus)) continue
    if (seqs.length === limit) return { seqs, next: seqs.at(-1) as number, looked }
    seqs.push(seq)
  }
  const isSpent = scanned.length === budget
  return { seqs, next: isSpent ? (scanned.at(-1)?.[0] as number) : null, looked }
}
