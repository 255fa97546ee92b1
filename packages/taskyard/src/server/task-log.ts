import { type Clock, monotonicClock, type Task, type TaskIdsParams } from '@taskyard/core'
import type { EndedAttempt } from '@taskyard/engine'

/** Lines of each kind in a second: what goes wrong a million times is told by example and by number. */
const MOST_LINES = 10
const WINDOW_MS = 1000
/** Of a text that a handler chose. */
const MOST_CHARACTERS = 500

/** Where lines go; a `Logger` of pino, say. */
export interface TaskLogLines {
  warn(details: object, message: string): void
  info(details: object, message: string): void
  debug(details: object, message: string): void
  isLevelEnabled(level: string): boolean
}

export interface TaskLogParams {
  readonly lines: TaskLogLines
  readonly clock: Clock
  /** Tells what became of tasks that have failed. */
  find(params: TaskIdsParams): Promise<readonly (Task | null)[]>
}

/** Tells in the log of tasks that fail, attempts that are made again, and workers that are gone. Never of payloads and results. */
export interface TaskLog {
  ended(attempt: EndedAttempt): void
  /** Tells what is left to be told. Never rejects. */
  flush(): Promise<void>
}

/** Holds up nobody: what is too much to be told is counted. */
export function createTaskLog(params: TaskLogParams): TaskLog {
  return new BoundedTaskLog(params)
}

class BoundedTaskLog implements TaskLog {
  readonly #lines: TaskLogLines
  readonly #find: TaskLogParams['find']
  readonly #clock: Clock
  #failed: EndedAttempt[] = []
  #retried = 0
  #moreFailed = 0
  /** Leases that ended without word, by worker. */
  #gone = new Map<string, number>()
  #isTimed = false

  constructor({ lines, clock, find }: TaskLogParams) {
    this.#lines = lines
    this.#clock = monotonicClock(clock)
    this.#find = find
  }

  ended(attempt: EndedAttempt): void {
    if (attempt.cause === 'expired')
      this.#gone.set(attempt.workerId ?? '', (this.#gone.get(attempt.workerId ?? '') ?? 0) + 1)
    if (attempt.taskStatus === 'failed') this.#noteFailed(attempt)
    else if (this.#lines.isLevelEnabled('debug')) this.#noteRetried(attempt)
    this.#flushSoon()
  }

  async flush(): Promise<void> {
    const { lines, failed, moreFailed, retried, gone } = this.#take()
    await this.#tellFailed(failed)
    if (moreFailed > 0) lines.warn({ tasks: moreFailed }, 'more tasks failed for good, too many to name each')
    if (retried > MOST_LINES)
      lines.debug({ attempts: retried - MOST_LINES }, 'more attempts failed, too many to name each')
    for (const [worker, leases] of [...gone].slice(0, MOST_LINES))
      lines.info({ worker, leases }, 'a worker is not heard of any more; what it ran goes to others')
    if (gone.size > MOST_LINES)
      lines.info({ workers: gone.size - MOST_LINES }, 'more workers are not heard of any more')
  }

  #take() {
    const taken = {
      lines: this.#lines,
      failed: this.#failed,
      moreFailed: this.#moreFailed,
      retried: this.#retried,
      gone: this.#gone,
    }
    this.#failed = []
    this.#moreFailed = 0
    this.#retried = 0
    this.#gone = new Map()
    return taken
  }

  #noteFailed(attempt: EndedAttempt): void {
    if (this.#failed.length < MOST_LINES) this.#failed.push(attempt)
    else this.#moreFailed += 1
  }

  #noteRetried({ taskId, cause, error, runAt, ...lane }: EndedAttempt): void {
    this.#retried += 1
    if (this.#retried > MOST_LINES) return
    const next = runAt === null ? {} : { runAt: new Date(runAt).toISOString() }
    const details = { ...named(taskId, lane), cause, ...(error === null ? {} : told(error)), ...next }
    this.#lines.debug(details, 'an attempt failed; another follows')
  }

  #flushSoon(): void {
    if (this.#isTimed) return
    this.#isTimed = true
    this.#clock.after(WINDOW_MS, () => {
      this.#isTimed = false
      void this.flush()
    })
  }

  /** The task has what the report of its worker does not: the number of the attempt, and why it was ended without one. */
  async #tellFailed(failed: readonly EndedAttempt[]): Promise<void> {
    for (const [namespace, attempts] of Map.groupBy(failed, (attempt) => attempt.namespace)) {
      const taskIds = attempts.map(({ taskId }) => taskId)
      const tasks = await this.#find({ namespace, taskIds }).catch(() => [])
      for (const [i, { taskId, error, ...lane }] of attempts.entries()) {
        const task = tasks[i] ?? null
        const reason = task?.error ?? error
        const counts = task === null ? {} : { attempt: task.attempt, maxAttempts: task.maxAttempts }
        const details = { ...named(taskId, lane), ...counts, ...(reason === null ? {} : told(reason)) }
        this.#lines.warn(details, 'a task failed for good')
      }
    }
  }
}

function named(task: string, { type, queue, namespace }: Pick<EndedAttempt, 'type' | 'queue' | 'namespace'>): object {
  return { task, type, queue, namespace }
}

/** The first line of a message says what happened. Below it others may speak: what they say stays with the task. */
function told({ code, message }: { readonly code: string; readonly message: string }): object {
  const [line = ''] = message.trimStart().split(/[\r\n]/, 1)
  const error = line.replace(/[\s:]+$/, '')
  return { code, error: error.length > MOST_CHARACTERS ? `${error.slice(0, MOST_CHARACTERS)}…` : error }
}
