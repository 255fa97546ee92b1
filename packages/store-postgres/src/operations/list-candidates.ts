import {
  type ListParams,
  listedStatuses,
  type TaskStatus,
  TERMINAL_STATUS_NUMBER,
  TERMINAL_STATUSES,
  type TerminalStatus,
} from '@taskyard/core'
import { numbers } from '../arrays.ts'
import type { Value } from '../driver.ts'
import { firstIdAt, timeOfId } from '../id-times.ts'
import type { Lane } from '../lanes.ts'
import type { StoreContext } from '../store-context.ts'

/** Up to this many lanes are merged by index; beyond, spans of time are searched. */
const MERGED_LANES = 64

/** Ids, newest first. Ids are UUIDv7, so their order is that of submission, by the clocks of the submitting machines. */
export interface Candidates {
  readonly found: readonly string[]
  /** There may be more behind the last. */
  readonly more: boolean
}

/** Ids between these, both exclusive. */
export interface Window {
  readonly above: string
  readonly below: string
}

/** The newest ids within the window that fit the filter, but for its times and the code of their error. */
export async function candidates(
  context: StoreContext,
  params: ListParams,
  lanes: readonly Lane[],
  window: Window,
  limit: number,
): Promise<Candidates> {
  const { tag, namespace } = params
  if (tag !== null) {
    return query(context, `SELECT id FROM @task_tags WHERE namespace = $3 AND tag = $4`, window, limit, [
      namespace,
      tag,
    ])
  }
  const laneNumbers = numbers(lanes.map(({ lane }) => lane))
  const { waiting, ended } = placesOf(listedStatuses(params))
  if (ended.length === 0 && waiting.length === 1) {
    return query(context, `SELECT id FROM @${waiting[0]} WHERE lane = ANY ($3::integer[])`, window, limit, [
      laneNumbers,
    ])
  }
  const everything = params.queue === null && params.type === null
  if (waiting.length + ended.length === PLACES && everything) {
    return query(context, 'SELECT id FROM @tasks WHERE lane = ANY ($3::integer[])', window, limit, [laneNumbers])
  }
  const search = lanes.length > MERGED_LANES ? searchBackwards : mergeLanes
  return search(context, laneNumbers, { waiting, ended }, window, limit)
}

/** Where tasks are, by their status. */
interface Places {
  /** Tables of those that have not ended. */
  readonly waiting: readonly string[]
  readonly ended: readonly TerminalStatus[]
}

const WAITING_TABLE = { queued: 'ready', scheduled: 'scheduled', running: 'leases' } as const
const PLACES = Object.keys(WAITING_TABLE).length + TERMINAL_STATUSES.length

function placesOf(statuses: readonly TaskStatus[] | null): Places {
  const isWanted = (status: string) => statuses === null || statuses.includes(status as TaskStatus)
  const waiting = Object.entries(WAITING_TABLE).flatMap(([status, table]) => (isWanted(status) ? table : []))
  return { waiting, ended: TERMINAL_STATUSES.filter(isWanted) }
}

async function query(
  { database }: StoreContext,
  select: string,
  { above, below }: Window,
  limit: number,
  values: readonly Value[],
): Promise<Candidates> {
  const rows = await database.run<[string]>(
    `${select} AND id > $1 AND id < $2 ORDER BY id DESC LIMIT ${Number(limit)}`,
    [above, below, ...values],
  )
  return { found: rows.map(([id]) => id), more: rows.length === limit }
}

/** Newest of each lane by index, merged. */
async function mergeLanes(
  { database }: StoreContext,
  laneNumbers: string,
  { waiting, ended }: Places,
  { above, below }: Window,
  limit: number,
): Promise<Candidates> {
  const finished = `SELECT f.id FROM unnest($3::integer[]) AS l (lane) CROSS JOIN unnest($5::smallint[]) AS s (status)
    CROSS JOIN LATERAL (
      SELECT id FROM @finished WHERE lane = l.lane AND status = s.status AND id > $1 AND id < $2 ORDER BY id DESC LIMIT $4
    ) f`
  const unfinished = waiting.map(
    (table) =>
      `(SELECT id FROM @${table} WHERE lane = ANY ($3::integer[]) AND id > $1 AND id < $2 ORDER BY id DESC LIMIT $4)`,
  )
  const all = [finished, ...unfinished].join(' UNION ')
  const rows = await database.run<[string]>(`SELECT id FROM (${all}) AS found ORDER BY id DESC LIMIT $4`, [
    above,
    below,
    laneNumbers,
    limit,
    statusNumbers(ended),
  ])
  return { found: rows.map(([id]) => id), more: rows.length === limit }
}

function statusNumbers(ended: readonly TerminalStatus[]): string {
  return numbers(ended.map((status) => TERMINAL_STATUS_NUMBER[status]))
}

const FIRST_SPAN_MS = 1_000
/** The next look goes this many times as far back when the last one found nothing. */
const WIDEN = 64

/**
 * All lanes at once, in spans of time from the newest task on, each as long as it should take to fill the page by what the
 * one before held: no index has the tasks of many lanes in order, but each span has few.
 */
async function searchBackwards(
  context: StoreContext,
  laneNumbers: string,
  places: Places,
  { above, below }: Window,
  limit: number,
): Promise<Candidates> {
  const newest = await query(context, 'SELECT id FROM @tasks WHERE true', { above, below }, 1, [])
  const found: string[] = []
  let upper = below
  let lowerAt = timeOfId(newest.found[0] ?? above)
  for (let spanMs = FIRST_SPAN_MS; upper > above; ) {
    lowerAt -= spanMs
    const lower = lowerAt > timeOfId(above) ? firstIdAt(lowerAt) : above
    const ids = await inSpan(context, laneNumbers, places, { above: lower, below: upper }, limit - found.length)
    found.push(...ids)
    if (found.length === limit) return { found, more: true }
    upper = lower
    const missing = limit - found.length
    spanMs *= ids.length === 0 ? WIDEN : Math.min(WIDEN, Math.ceil((2 * missing) / ids.length))
  }
  return { found, more: false }
}

async function inSpan(
  { database }: StoreContext,
  laneNumbers: string,
  { waiting, ended }: Places,
  { above, below }: Window,
  limit: number,
): Promise<readonly string[]> {
  const within = 'lane = ANY ($3::integer[]) AND id > $1 AND id < $2'
  const finished = `SELECT id FROM @finished WHERE status = ANY ($4::smallint[]) AND ${within}`
  const unfinished = waiting.map((table) => `SELECT id FROM @${table} WHERE ${within}`)
  const all = [finished, ...unfinished].join(' UNION ')
  const values = [above, below, laneNumbers, statusNumbers(ended)]
  const rows = await database.run<[string]>(
    `SELECT id FROM (${all}) AS found ORDER BY id DESC LIMIT ${Number(limit)}`,
    values,
  )
  return rows.map(([id]) => id)
}
