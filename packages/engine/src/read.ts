import {
  createLimiter,
  FILTER_RULES,
  isIntegerIn,
  isNumberIn,
  LIMITS,
  type ListParams,
  type Task,
  type TaskEvent,
  type TaskStatus,
  TaskyardError,
} from '@taskyard/core'
import type { BulkFilter } from './bulk-calls.ts'
import { invalid, toTaskId } from './check-submission.ts'
import type { ListRequest, UseCases } from './engine.ts'
import type { EngineContext } from './engine-context.ts'
import type { InNamespace } from './in-namespace.ts'

/** Tasks that are read at a time, each of which may hold megabytes. */
const MOST_READS = 32
export type Reading = Pick<UseCases, 'get' | 'list' | 'history'>

/** Tasks and their events, as they are now. */
export function createReading({ store, clock }: EngineContext): InNamespace<Reading> {
  const reads = createLimiter({ most: MOST_READS, clock, what: 'reads' })

  async function get(namespace: string, id: string): Promise<Task> {
    const taskId = toTaskId(id)
    const [task] = await reads(() => store.reads.find({ namespace, taskIds: [taskId] }))
    if (!task) throw new TaskyardError('task_not_found', { id, namespace })
    return task
  }

  async function history(namespace: string, id: string, after = 0): Promise<readonly TaskEvent[]> {
    if (!isIntegerIn(after, 0, Number.MAX_SAFE_INTEGER)) throw invalid('/after', 'the n of an event, or 0')
    const taskId = toTaskId(id)
    const events = await store.reads.history({ namespace, taskId, after, limit: LIMITS.eventPage })
    if (events === null) throw new TaskyardError('task_not_found', { id, namespace })
    return events
  }

  return (namespace) => ({
    get: (id) => get(namespace, id),
    history: (id, after) => history(namespace, id, after),
    list: async (request) => store.reads.list(toListParams(namespace, request)),
  })
}

/** @throws TaskyardError invalid_request for a filter that no task can match, as a submission would be refused */
export function toListParams(namespace: string, request: ListRequest): ListParams {
  const { limit = 50 } = request
  checkFilter(request)
  if (!isIntegerIn(limit, 1, LIMITS.listPage)) throw invalid('/limit', `a whole number from 1 to ${LIMITS.listPage}`)
  return {
    namespace,
    statuses: statusesOf(request),
    type: request.type ?? null,
    queue: request.queue ?? null,
    tag: request.tag ?? null,
    createdAfter: request.createdAfter ?? null,
    createdBefore: request.createdBefore ?? null,
    errorCode: request.errorCode ?? null,
    limit,
    cursor: request.cursor ?? null,
  }
}

/** The statuses that a filter names, each once; `null`: none, so that it means all. */
export function statusesOf({ status }: Pick<BulkFilter, 'status'>): readonly TaskStatus[] | null {
  if (!isSet(status)) return null
  return typeof status === 'string' ? [status] : [...new Set(status)]
}

function checkFilter(request: ListRequest): void {
  for (const name of RULED) {
    const fault = isSet(request[name]) ? FILTER_RULES[name](request[name]) : null
    if (fault !== null) throw invalid(`/${name}`, fault)
  }
  const { createdAfter, createdBefore, cursor } = request
  if (isSet(createdAfter) && !isTime(createdAfter)) throw invalid('/createdAfter', 'a time')
  if (isSet(createdBefore) && !isTime(createdBefore)) throw invalid('/createdBefore', 'a time')
  if (isSet(cursor) && typeof cursor !== 'string') throw invalid('/cursor', 'the nextCursor of a page')
}

const RULED = Object.keys(FILTER_RULES) as readonly (keyof typeof FILTER_RULES)[]

function isSet<Value>(value: Value | null | undefined): value is Value {
  return value !== undefined && value !== null
}

/** What a `Date` can hold, in milliseconds. */
function isTime(milliseconds: number): boolean {
  return isNumberIn(milliseconds, -8.64e15, 8.64e15)
}
