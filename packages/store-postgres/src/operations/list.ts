import { type ListParams, type Task, type TaskPage, TaskyardError } from '@taskyard/core'
import { ids, isId, numbers } from '../arrays.ts'
import type { Value } from '../database.ts'
import { firstIdAt, timeOfId } from '../id-times.ts'
import type { Lane } from '../lanes.ts'
import type { Parts } from '../parts.ts'
import { findTasks } from './find.ts'
import { promoteDue } from './promote.ts'

/** Rows looked at per page where no index fits the filter. The page ends there and its cursor goes on. */
const SCAN_BUDGET = 2_000
/** A page ends once its tasks reach this. */
const PAGE_BYTES = 4 * 1024 * 1024
/** Up to this many lanes are merged by index; beyond, spans of time are searched. */
const MERGED_LANES = 64

/** Ids, newest first. Ids are UUIDv7, so their order is that of submission, by the clocks of the submitting machines. */
interface Candidates {
  readonly found: readonly string[]
  /** There may be more behind the last. */
  readonly more: boolean
}

/** Ids between these, both exclusive. */
interface Window {
  readonly above: string
  readonly below: string
}

export async function list(parts: Parts, params: ListParams): Promise<TaskPage> {
  const window = await windowOf(parts, params)
  await promoteDue(parts)
  const { namespace, queue, type } = params
  const lanes = (await parts.lanes.all()).filter(
    (lane) =>
      lane.namespace === namespace && (queue === null || lane.queue === queue) && (type === null || lane.type === type),
  )
  if (lanes.length === 0 || params.status === 'blocked') return { items: [], nextCursor: null }
  return collect(parts, params, lanes, window)
}

/** Looks at more and more candidates until a page is full: most fit at once, and those that do not are few mostly. */
async function collect(parts: Parts, params: ListParams, lanes: readonly Lane[], window: Window): Promise<TaskPage> {
  const wanted = new Set(lanes.map(nameOf))
  const items: Task[] = []
  let looked = 0
  let { below } = window
  for (let size = params.limit + 1; ; size = Math.min(size * 4, SCAN_BUDGET - looked)) {
    const { found, more } = await candidates(parts, params, lanes, { ...window, below }, size)
    const timely = await ofTheTime(parts, params, found)
    const taken = timely.slice(0, params.limit + 1)
    const tasks = await findTasks(parts, taken, PAGE_BYTES)
    for (const { task } of tasks) {
      if (!wanted.has(nameOf(task)) || (params.status !== null && task.status !== params.status)) continue
      items.push(task)
      if (items.length < params.limit) continue
      const isLast = task.id === timely.at(-1) && !more
      return { items, nextCursor: isLast ? null : encodeCursor(task.id) }
    }
    looked += found.length
    below = (tasks.length < timely.length ? tasks.at(-1)?.task.id : found.at(-1)) ?? below
    // Too many bytes for one page, or the budget is spent: what there is, is this page.
    const isCut = tasks.length < taken.length && items.length > 0
    if (isCut || (more && looked >= SCAN_BUDGET)) return { items, nextCursor: encodeCursor(below) }
    if (!more && tasks.length === timely.length) return { items, nextCursor: null }
  }
}

function nameOf({ namespace, queue, type }: { namespace: string; queue: string; type: string }): string {
  return `${namespace}\n${queue}\n${type}`
}

/** Those created within the filter's times: of machines whose clocks are off, the ids tell it only roughly. */
async function ofTheTime(
  { database }: Parts,
  { createdAfter, createdBefore }: ListParams,
  found: readonly string[],
): Promise<readonly string[]> {
  if (found.length === 0 || (createdAfter === null && createdBefore === null)) return found
  const rows = await database.run<[string]>(
    `SELECT id FROM @tasks WHERE id = ANY ($1::uuid[]) AND created_at >= coalesce($2::bigint, created_at)
       AND created_at < coalesce($3::bigint, created_at + 1) ORDER BY id DESC`,
    [ids(found), createdAfter, createdBefore],
  )
  return rows.map(([id]) => id)
}

async function candidates(
  parts: Parts,
  params: ListParams,
  lanes: readonly Lane[],
  window: Window,
  limit: number,
): Promise<Candidates> {
  const { status, tag, namespace } = params
  if (tag !== null) {
    return query(parts, `SELECT id FROM @task_tags WHERE namespace = $3 AND tag = $4`, window, limit, [namespace, tag])
  }
  const laneNumbers = numbers(lanes.map(({ lane }) => lane))
  if (status === 'queued' || status === 'scheduled' || status === 'running') {
    return query(parts, `SELECT id FROM @${WAITING_TABLE[status]} WHERE lane = ANY ($3::integer[])`, window, limit, [
      laneNumbers,
    ])
  }
  const everything = params.queue === null && params.type === null
  if (status === null && everything) {
    return query(parts, 'SELECT id FROM @tasks WHERE lane = ANY ($3::integer[])', window, limit, [laneNumbers])
  }
  const search = lanes.length > MERGED_LANES ? searchBackwards : mergeLanes
  return search(parts, laneNumbers, status as Ended | null, window, limit)
}

const WAITING_TABLE = { queued: 'ready', scheduled: 'scheduled', running: 'leases' } as const
const STATUS_NUMBER = { succeeded: 1, failed: 2, cancelled: 3 } as const
type Ended = keyof typeof STATUS_NUMBER

async function query(
  { database }: Parts,
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
  { database }: Parts,
  laneNumbers: string,
  status: Ended | null,
  { above, below }: Window,
  limit: number,
): Promise<Candidates> {
  const finished = `SELECT f.id FROM unnest($3::integer[]) AS l (lane) CROSS JOIN unnest($5::smallint[]) AS s (status)
    CROSS JOIN LATERAL (
      SELECT id FROM @finished WHERE lane = l.lane AND status = s.status AND id > $1 AND id < $2 ORDER BY id DESC LIMIT $4
    ) f`
  const waiting = Object.values(WAITING_TABLE).map(
    (table) =>
      `(SELECT id FROM @${table} WHERE lane = ANY ($3::integer[]) AND id > $1 AND id < $2 ORDER BY id DESC LIMIT $4)`,
  )
  const all = [finished, ...(status === null ? waiting : [])].join(' UNION ')
  const rows = await database.run<[string]>(`SELECT id FROM (${all}) AS found ORDER BY id DESC LIMIT $4`, [
    above,
    below,
    laneNumbers,
    limit,
    statusNumbers(status),
  ])
  return { found: rows.map(([id]) => id), more: rows.length === limit }
}

function statusNumbers(status: Ended | null): string {
  return numbers(status === null ? Object.values(STATUS_NUMBER) : [STATUS_NUMBER[status]])
}

const FIRST_SPAN_MS = 1_000
/** The next look goes this many times as far back when the last one found nothing. */
const WIDEN = 64

/**
 * All lanes at once, in spans of time from the newest task on, each as long as it should take to fill the page by what the
 * one before held: no index has the tasks of many lanes in order, but each span has few.
 */
async function searchBackwards(
  parts: Parts,
  laneNumbers: string,
  status: Ended | null,
  { above, below }: Window,
  limit: number,
): Promise<Candidates> {
  const newest = await query(parts, 'SELECT id FROM @tasks WHERE true', { above, below }, 1, [])
  const found: string[] = []
  let upper = below
  let lowerAt = timeOfId(newest.found[0] ?? above)
  for (let spanMs = FIRST_SPAN_MS; upper > above; ) {
    lowerAt -= spanMs
    const lower = lowerAt > timeOfId(above) ? firstIdAt(lowerAt) : above
    const ids = await inSpan(parts, laneNumbers, status, { above: lower, below: upper }, limit - found.length)
    found.push(...ids)
    if (found.length === limit) return { found, more: true }
    upper = lower
    const missing = limit - found.length
    spanMs *= ids.length === 0 ? WIDEN : Math.min(WIDEN, Math.ceil((2 * missing) / ids.length))
  }
  return { found, more: false }
}

async function inSpan(
  { database }: Parts,
  laneNumbers: string,
  status: Ended | null,
  { above, below }: Window,
  limit: number,
): Promise<readonly string[]> {
  const within = 'lane = ANY ($3::integer[]) AND id > $1 AND id < $2'
  const finished = `SELECT id FROM @finished WHERE status = ANY ($4::smallint[]) AND ${within}`
  const waiting = Object.values(WAITING_TABLE).map((table) => `SELECT id FROM @${table} WHERE ${within}`)
  const all = [finished, ...(status === null ? waiting : [])].join(' UNION ')
  const values = [above, below, laneNumbers, statusNumbers(status)]
  const rows = await database.run<[string]>(
    `SELECT id FROM (${all}) AS found ORDER BY id DESC LIMIT ${Number(limit)}`,
    values,
  )
  return rows.map(([id]) => id)
}

/** Time filters as a range of ids, as far as the clocks of submitting machines have ever been off. */
async function windowOf({ idSkew }: Parts, { cursor, createdAfter, createdBefore }: ListParams): Promise<Window> {
  const before = cursor === null ? null : decodeCursor(cursor)
  if (createdAfter === null && createdBefore === null) return { above: LOWEST, below: before ?? HIGHEST }
  const skew = await idSkew.largest()
  const above = createdAfter === null ? LOWEST : firstIdAt(createdAfter - skew)
  const end = createdBefore === null ? HIGHEST : firstIdAt(createdBefore + skew)
  return { above, below: before !== null && before < end ? before : end }
}

const LOWEST = '00000000-0000-0000-0000-000000000000'
const HIGHEST = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

function encodeCursor(id: string): string {
  return `before-${id}`
}

function decodeCursor(cursor: string): string {
  const id = cursor.slice('before-'.length)
  if (!cursor.startsWith('before-') || !isId(id)) {
    throw new TaskyardError('invalid_request', { reason: 'cursor: pass the nextCursor of the page before, unchanged' })
  }
  return id
}
