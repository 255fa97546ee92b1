import {
  createTurns,
  DEFAULTS,
  faultOfTag,
  isTerminal,
  LIMITS,
  type ListParams,
  TASK_STATUSES,
  type Task,
  type TaskEvent,
  TaskyardError,
} from '@taskyard/core'
import { assertName, invalid, isIntegerIn, isNumberIn, toTaskId } from './check-submission.ts'
import type { Engine, ListRequest } from './engine.ts'
import type { Parts } from './parts.ts'

/** A task that is waited for is looked at this often even without news. Milliseconds. */
const LOOK_AGAIN_MS = 1000
/** Tasks that are read at a time, each of which may hold megabytes. */
const MOST_READS = 32
/** Events that are read at once for somebody who watches. */
const WATCH_PAGE = 16

export interface Reading extends Pick<Engine, 'get' | 'wait' | 'list' | 'history' | 'watch'> {
  stop(): void
}

export function createReading(parts: Parts): Reading {
  const { store, clock, bus } = parts
  const reads = createTurns({ most: MOST_READS, clock, what: 'reads' })
  const watchers = new Map<string, Set<() => void>>()
  let stopped = false
  const unsubscribe = bus.subscribe((message) => {
    for (const wake of watchers.get(message.taskId) ?? []) wake()
  })

  async function get(id: string): Promise<Task> {
    const taskId = toTaskId(id)
    const [task] = await reads(() => store.reads.find({ taskIds: [taskId] }))
    if (!task) throw new TaskyardError('task_not_found', { id })
    return task
  }

  async function history(id: string, after = 0): Promise<readonly TaskEvent[]> {
    if (!isIntegerIn(after, 0, Number.MAX_SAFE_INTEGER)) throw invalid('/after', 'the n of an event, or 0')
    const taskId = toTaskId(id)
    const events = await store.reads.history({ taskId, after, limit: LIMITS.eventPage })
    if (events === null) throw new TaskyardError('task_not_found', { id })
    return events
  }

  /** Few events: a reader that takes its time holds them all. */
  async function watchPage(taskId: string, after: number): Promise<readonly TaskEvent[]> {
    const events = await store.reads.history({ taskId, after, limit: WATCH_PAGE })
    if (events === null) throw new TaskyardError('task_not_found', { id: taskId })
    return events
  }

  /** Listens from now on; `next` resolves at the next news, after a while, or when it is over. */
  function listen(taskId: string, signal: AbortSignal | undefined) {
    let news = false
    let wakeNext = () => {}
    const wake = () => {
      news = true
      wakeNext()
    }
    const mine = watchers.get(taskId) ?? new Set()
    watchers.set(taskId, mine.add(wake))
    signal?.addEventListener('abort', wake)
    return {
      async next(waitMs: number): Promise<void> {
        if (!news && !signal?.aborted && !stopped) {
          await new Promise<void>((resolve) => {
            const cancelTimer = clock.after(Math.min(waitMs, LOOK_AGAIN_MS), resolve)
            wakeNext = () => {
              cancelTimer()
              resolve()
            }
          })
        }
        news = false
      },
      end() {
        mine.delete(wake)
        if (mine.size === 0 && watchers.get(taskId) === mine) watchers.delete(taskId)
        signal?.removeEventListener('abort', wake)
      },
    }
  }

  async function wait(id: string, waitSeconds: number, signal?: AbortSignal): Promise<Task> {
    if (!isNumberIn(waitSeconds, 0, LIMITS.waitSeconds)) throw invalid('/waitSeconds', 'a number from 0 to 60')
    const until = clock.now() + waitSeconds * 1000
    const listener = listen(toTaskId(id), signal)
    try {
      for (;;) {
        const task = await get(id)
        const left = until - clock.now()
        if (isTerminal(task.status) || left <= 0 || signal?.aborted || stopped) return task
        await listener.next(left)
      }
    } finally {
      listener.end()
    }
  }

  async function* watch(taskId: string, after: number, signal: AbortSignal): AsyncGenerator<TaskEvent> {
    const id = toTaskId(taskId)
    const listener = listen(id, signal)
    let last = after
    try {
      for (;;) {
        // Asked before the events are read: an end that comes in between is among them.
        const wasTerminal = isTerminal((await get(id)).status)
        const from = last
        for (let page = await watchPage(id, last); page.length > 0; page = await watchPage(id, last)) {
          for (const event of page) {
            yield event
            last = event.n
          }
          if (signal.aborted || stopped) return
        }
        if (signal.aborted || stopped || (wasTerminal && last === from)) return
        if (last === from) await listener.next(LOOK_AGAIN_MS)
      }
    } finally {
      listener.end()
    }
  }

  return {
    get,
    wait,
    history,
    watch,
    list: async (request) => store.reads.list(toListParams(request)),
    stop() {
      stopped = true
      unsubscribe()
      for (const wakes of watchers.values()) for (const wake of wakes) wake()
    },
  }
}

/** @throws TaskyardError invalid_request for a filter that no task can match, as a submission would be refused */
export function toListParams(request: ListRequest): ListParams {
  const { limit = 50 } = request
  checkFilter(request)
  if (!isIntegerIn(limit, 1, LIMITS.listPage)) throw invalid('/limit', `a whole number from 1 to ${LIMITS.listPage}`)
  return {
    namespace: request.namespace ?? DEFAULTS.namespace,
    status: request.status ?? null,
    type: request.type ?? null,
    queue: request.queue ?? null,
    tag: request.tag ?? null,
    createdAfter: request.createdAfter ?? null,
    createdBefore: request.createdBefore ?? null,
    limit,
    cursor: request.cursor ?? null,
  }
}

function checkFilter({ namespace, status, type, queue, tag, createdAfter, createdBefore, cursor }: ListRequest): void {
  if (namespace !== undefined) assertName(namespace, '/namespace', 'namespace')
  if (isSet(status) && !TASK_STATUSES.includes(status)) throw invalid('/status', `one of ${TASK_STATUSES.join(', ')}`)
  if (isSet(type)) assertName(type, '/type', 'type')
  if (isSet(queue)) assertName(queue, '/queue', 'queue')
  const fault = isSet(tag) ? faultOfTag(tag) : null
  if (fault !== null) throw invalid('/tag', fault)
  if (isSet(createdAfter) && !isTime(createdAfter)) throw invalid('/createdAfter', 'a time')
  if (isSet(createdBefore) && !isTime(createdBefore)) throw invalid('/createdBefore', 'a time')
  if (isSet(cursor) && typeof cursor !== 'string') throw invalid('/cursor', 'the nextCursor of a page')
}

function isSet<Value>(value: Value | null | undefined): value is Value {
  return value !== undefined && value !== null
}

/** What a `Date` can hold, in milliseconds. */
function isTime(milliseconds: number): boolean {
  return isNumberIn(milliseconds, -8.64e15, 8.64e15)
}
