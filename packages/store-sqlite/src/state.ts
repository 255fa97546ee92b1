import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { ClaimRequests } from './claim-requests.ts'
import { Counters } from './counters.ts'
import { LaneHeads } from './lane-heads.ts'
import { Lanes } from './lanes.ts'

/**
 * What the store's thread keeps beside the file. Whenever a transaction is undone, what is derived from the file is read
 * again and the rest is put back as it was.
 */
export interface State {
  readonly database: DatabaseSync
  readonly path: string
  /** A prepared statement, made once, that returns rows as arrays. */
  sql(text: string): StatementSync
  lanes: Lanes
  heads: LaneHeads
  counters: Counters
  requests: ClaimRequests
  nextSeq: number
  /** When the earliest scheduled task is due, ms; `Infinity` when none is. Never later than the truth. */
  nextDue: number
  /** Lanes that got ready tasks since this was last told. */
  readyLanes: Set<number>
  /** Finished tasks up to this `n` that are not failed have been removed by retention. At most the highest `n` there is. */
  retentionFloor: number
  /** What the clock has passed over by being set forward, as the calls told, and how much of it leases do not know yet. Milliseconds. */
  skippedMs: number
  unshiftedMs: number
  /** The newest beats since the file was opened: any other process is gone, since the file is locked. */
  nodes: AliveNode[]
  /** Of types, since the file was opened; 0: there are none. */
  declarations: number
  /** The last transaction has failed and is not undone yet: what is derived from the file may be wrong. */
  mustUndo: boolean
}

interface AliveNode {
  readonly nodeId: string
  /** By `workerKey`. */
  readonly workers: ReadonlySet<string>
  readonly until: number
  /** As `claimersText`, and when it was said, ms. */
  readonly claimers: { readonly text: string; readonly saidAt: number }
}

/** Reads what is derived from the file. The database must be migrated. */
export function createState(database: DatabaseSync, path: string): State {
  const statements = new Map<string, StatementSync>()
  const sql = (text: string) => {
    let statement = statements.get(text)
    if (statement === undefined) {
      statement = database.prepare(text)
      statement.setReturnArrays(true)
      statements.set(text, statement)
    }
    return statement
  }
  const lanes = new Lanes(sql)
  const state: State = {
    database,
    path,
    sql,
    lanes,
    heads: new LaneHeads(sql, lanes),
    counters: new Counters(sql),
    requests: new ClaimRequests(sql),
    nextSeq: 1,
    nextDue: Number.POSITIVE_INFINITY,
    readyLanes: new Set(),
    retentionFloor: 0,
    skippedMs: 0,
    unshiftedMs: 0,
    nodes: [],
    declarations: row1<[number]>(sql('SELECT count(*) FROM type_defaults'))?.[0] ?? 0,
    mustUndo: false,
  }
  reloadState(state)
  return state
}

/** Reads again what is derived from the file. */
export function reloadState(state: State): void {
  state.lanes = new Lanes(state.sql)
  state.heads = new LaneHeads(state.sql, state.lanes)
  state.counters = new Counters(state.sql)
  state.requests = new ClaimRequests(state.sql)
  state.nextSeq = lastSeq(state) + 1
  state.nextDue = earliestScheduled(state)
}

/** Notes what only the memory knows. The returned function brings that back to this moment. */
export function markMemory(state: State): () => void {
  const { retentionFloor, skippedMs, unshiftedMs, nodes } = state
  const readyLanes = new Set(state.readyLanes)
  return () => {
    Object.assign(state, { retentionFloor, skippedMs, unshiftedMs, nodes, readyLanes })
  }
}

/** When the next scheduled task is due, ms; `Infinity`: none is scheduled. */
export function earliestScheduled(state: State): number {
  const row = row1<[number | null]>(state.sql('SELECT min(run_at) FROM scheduled'))
  return row?.[0] ?? Number.POSITIVE_INFINITY
}

function lastSeq(state: State): number {
  return row1<[number | null]>(state.sql('SELECT max(seq) FROM tasks'))?.[0] ?? 0
}

/** The first row, typed by its reader. */
export function row1<Row extends readonly unknown[]>(
  statement: StatementSync,
  ...values: (string | number | null)[]
): Row | undefined {
  return statement.get(...values) as unknown as Row | undefined
}

/** All rows, typed by their reader. */
export function rows<Row extends readonly unknown[]>(
  statement: StatementSync,
  ...values: (string | number | null)[]
): readonly Row[] {
  return statement.all(...values) as unknown as Row[]
}
