import {
  errorTextStart,
  LIMITS,
  type ListParams,
  listedStatuses,
  type TaskPage,
  type TaskStatus,
  TaskyardError,
} from '@taskyard/core'
import type { Filter } from 'mongodb'
import type { Database } from '../database.ts'
import { type TaskDocument, taskFrom } from '../documents.ts'

/** Tasks looked at per page when no index fits the filter. The page ends there and its cursor goes on. */
const SCAN_BUDGET = 20_000
const TASKS_PER_BATCH = 20

/** A place in the list: newest first, by time of creation and then by id. */
interface Place {
  readonly createdAt: number
  readonly id: string
}

/** The port's `list`, newest first. Where no index fits the filter a page ends at its window, and may be empty with a cursor. */
export async function list(database: Database, params: ListParams, now: number): Promise<TaskPage> {
  const after = params.cursor === null ? null : decodeCursor(params.cursor)
  if (listedStatuses(params)?.every((status) => status === 'blocked')) return { items: [], nextCursor: null }
  const indexed = indexedFilter(params, after)
  const rest = restFilter(params, now)
  // What is filtered beyond the index is looked for within a window of bounded size.
  const end = rest === null ? null : await windowEnd(database, indexed)
  const parts = [indexed, ...(rest === null ? [] : [rest]), ...(end === null ? [] : [notAfter(end)])]
  const filter = parts.length === 1 ? indexed : { $and: parts }
  return readPage(database, filter, params.limit, end, now)
}

async function readPage(
  { tasks }: Database,
  filter: Filter<TaskDocument>,
  limit: number,
  end: Place | null,
  now: number,
): Promise<TaskPage> {
  const options = { projection: { tail: 0 }, batchSize: TASKS_PER_BATCH } as const
  const cursor = tasks
    .find(filter, options)
    .sort({ createdAt: -1, _id: -1 })
    .limit(limit + 1)
  const found: TaskDocument[] = []
  let bytes = 0
  let hasMore = false
  for await (const task of cursor) {
    if (found.length === limit || bytes >= LIMITS.pageBytes) {
      hasMore = true
      break
    }
    found.push(task as TaskDocument)
    bytes += task.payloadBytes + Buffer.byteLength(task.result ?? '')
  }
  const last = found.at(-1)
  const next = hasMore && last !== undefined ? { createdAt: last.createdAt, id: last._id } : end
  // Retention may be at some of them. They are few, and looking for others would cost each page a scan.
  const items = found.filter(({ state }) => state !== 'removed').map((task) => taskFrom(task, now))
  return { items, nextCursor: next === null ? null : encodeCursor(next) }
}

/** The last place of the window; `null` when the list ends within it. */
async function windowEnd({ tasks }: Database, indexed: Filter<TaskDocument>): Promise<Place | null> {
  const [last] = await tasks
    .find(indexed, { projection: { createdAt: 1 } })
    .sort({ createdAt: -1, _id: -1 })
    .skip(SCAN_BUDGET - 1)
    .limit(1)
    .toArray()
  return last === undefined ? null : { createdAt: last.createdAt, id: last._id }
}

// Served by `by_tag`, `failed_by_age`, `by_queue` or `by_age`, in this order.
function indexedFilter(params: ListParams, after: Place | null): Filter<TaskDocument> {
  const { namespace, tag, queue, createdAfter, createdBefore } = params
  const createdAt = {
    ...(createdAfter === null ? {} : { $gte: createdAfter }),
    ...(createdBefore === null ? {} : { $lt: createdBefore }),
    ...(after === null ? {} : { $lte: after.createdAt }),
  }
  return {
    namespace,
    ...(queue === null ? {} : { queue }),
    ...(tag === null ? {} : { tags: { $exists: true, $eq: tag } }),
    ...(isOfFailed(params) ? { state: 'failed' } : {}),
    ...(Object.keys(createdAt).length === 0 ? {} : { createdAt }),
    ...(after === null ? {} : { $or: [{ createdAt: { $lt: after.createdAt } }, { _id: { $lt: after.id } }] }),
  } as Filter<TaskDocument>
}

function notAfter({ createdAt, id }: Place): Filter<TaskDocument> {
  return { createdAt: { $gte: createdAt }, $or: [{ createdAt: { $gt: createdAt } }, { _id: { $gte: id } }] }
}

/** Whether the index of those that failed fits. */
function isOfFailed(params: ListParams): boolean {
  const statuses = listedStatuses(params)
  return params.tag === null && statuses?.length === 1 && statuses[0] === 'failed'
}

function restFilter(params: ListParams, now: number): Filter<TaskDocument> | null {
  const { type, errorCode } = params
  const statuses = listedStatuses(params)
  const filter = {
    ...(statuses === null || isOfFailed(params) ? {} : { $or: statuses.map((status) => inStatus(status, now)) }),
    ...(type === null ? {} : { type }),
    ...(errorCode === null ? {} : { error: havingCode(errorCode) }),
  }
  return Object.keys(filter).length > 0 ? (filter as Filter<TaskDocument>) : null
}

// A task whose time has come is queued, whether or not a sweep has noticed.
function inStatus(status: TaskStatus, now: number): Filter<TaskDocument> {
  if (status === 'queued') return { $or: [{ state: 'queued' }, { state: 'scheduled', runAt: { $lte: now } }] }
  return status === 'scheduled' ? { state: 'scheduled', runAt: { $gt: now } } : { state: status }
}

// By how the text begins: it is followed by a comma, and `-` comes next after that.
function havingCode(errorCode: string) {
  const start = errorTextStart(errorCode)
  return { $gte: start, $lt: `${start.slice(0, -1)}-` }
}

function encodeCursor({ createdAt, id }: Place): string {
  return `${createdAt.toString(36)}.${id}`
}

function decodeCursor(cursor: string): Place {
  const [, createdAt, id] = /^([0-9a-z]{1,11})\.([0-9A-Za-z-]{1,64})$/.exec(cursor) ?? []
  if (createdAt === undefined || id === undefined) {
    throw new TaskyardError('invalid_request', { reason: 'cursor: pass the nextCursor of the page before, unchanged' })
  }
  return { createdAt: Number.parseInt(createdAt, 36), id }
}
