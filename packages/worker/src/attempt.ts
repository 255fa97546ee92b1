import type { LeasedTaskDocument, TaskHandler, TaskOutcome } from '@taskyard/core'
import { type AbortCode, TaskAborted } from './task-aborted.ts'

/**
 * `ready`: leased, its handler not started. `settling`: its outcome is on the way. `ended`: nothing more is said about
 * it, even if its handler still runs.
 */
export type AttemptState = 'ready' | 'running' | 'settling' | 'ended'

/** One leased task inside this worker. */
export class Attempt {
  readonly task: LeasedTaskDocument
  readonly handler: TaskHandler
  /** Milliseconds, by the worker's clock. */
  readonly receivedAt: number
  readonly deadlineAt: number
  state: AttemptState = 'ready'
  /** Its place on the lease board; -1 when its lease is not kept up (any more). */
  slot = -1
  abortCode: AbortCode | null = null
  leaseLost = false
  cancelRequested = false
  outcome: TaskOutcome | null = null
  /** Its own outcome was not taken; what is sent says so. */
  refused = false
  /** The last of its records, by the number the record buffer gave it; 0: none. */
  lastRecord = 0
  records = 0
  #controller: AbortController | null = null

  constructor(task: LeasedTaskDocument, handler: TaskHandler, receivedAt: number) {
    this.task = task
    this.handler = handler
    this.receivedAt = receivedAt
    this.deadlineAt = task.timeoutSeconds === null ? Number.POSITIVE_INFINITY : receivedAt + task.timeoutSeconds * 1000
  }

  /** Made when somebody looks: most handlers never do. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.abortCode !== null) this.#controller.abort(new TaskAborted(this.abortCode))
    }
    return this.#controller.signal
  }

  /** The first reason stays. A listener that throws is the handler's trouble, reported by Node as uncaught. */
  abort(code: AbortCode): void {
    if (this.abortCode !== null) return
    this.abortCode = code
    this.#controller?.abort(new TaskAborted(code))
  }
}
