import { errorTextStart, LIMITS } from '@taskyard/core'
import { encodeCursor } from '../cursor.ts'
import { row1, type State } from '../state.ts'
import type { TaskRow } from '../wire.ts'
import { errorBySeq, taskRowBySeq } from './find.ts'
import { type Candidates, candidates, type ListRows, type Look } from './list-candidates.ts'
import { promoteDue } from './promote.ts'

/** Rows looked at per page when no index fits the filter. The page ends there and its cursor goes on. */
const SCAN_BUDGET = 20_000
/** The same where each is looked at for its error alone, and so many of a lane or table at a time. */
const ERRORS_BUDGET = 5_000
const ERRORS_AT_ONCE = 500

/** The port's `list`, newest submission first. A page also ends at its budget of rows or bytes, and may be empty with a cursor. */
export function list(state: State, params: ListRows, now: number): { rows: TaskRow[]; nextCursor: string | null } {
  promoteDue(state, now)
  const lanes = state.lanes.matching(params.namespace, params.queue, params.type)
  const look = { ...windowOf(state, params), lanes, limit: params.limit, most: params.limit, budget: SCAN_BUDGET }
  const { errorCode } = params
  const { seqs, next } =
    errorCode === null ? candidates(state, params, look) : havingError(state, params, look, errorTextStart(errorCode))
  return page(state, seqs, next)
}

/** No index has the errors: of the tasks that may have one as many are looked at as the budget allows. */
function havingError(state: State, params: ListRows, look: Look, start: string): Pick<Candidates, 'seqs' | 'next'> {
  const seqs: number[] = []
  let { below } = look
  const some = { limit: ERRORS_AT_ONCE, most: Number.POSITIVE_INFINITY, budget: ERRORS_AT_ONCE }
  for (let looked = 0; looked < ERRORS_BUDGET; ) {
    const part = candidates(state, params, { ...look, ...some, below })
    for (const seq of part.seqs) {
      if (errorBySeq(state, seq)?.startsWith(start) !== true) continue
      if (seqs.length === look.limit) return { seqs, next: seqs.at(-1) as number }
      seqs.push(seq)
    }
    if (part.next === null) return { seqs, next: null }
    below = part.next
    looked += part.looked
  }
  return { seqs, next: below }
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

function windowOf(state: State, { below, createdAfter, createdBefore }: ListRows): Pick<Look, 'above' | 'below'> {
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
