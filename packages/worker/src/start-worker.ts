import {
  type Clock,
  declarationsOf,
  functionsOf,
  type TaskHandlers,
  type WorkerApi,
  type WorkerSession,
} from '@taskyard/core'
import { AttemptRunner } from './attempt-runner.ts'
import { Condition } from './condition.ts'
import { declareTypes } from './declare-types.ts'
import { Heartbeat } from './heartbeat.ts'
import { pause } from './retry.ts'
import { keepProcessAlive } from './runtime.ts'
import { type WorkerEvent, type WorkerListener, WorkerListeners } from './worker-events.ts'
import { resolveOptions, type WorkerOptions, type WorkerSettings } from './worker-options.ts'
import type { WorkerStats } from './worker-stats.ts'

/** How long a worker waits for its session before it claims without one: losing it costs latency only. */
const SESSION_MS = 5000
/** How long a handler may take to obey its signal at the end of a drain, and outcomes to be delivered after it. */
const OBEY_MS = 1000
const DELIVER_MS = 5000

export interface StopOptions {
  /** How long handlers may run on before their signals abort with `shutting_down`. Default: the worker's `drainSeconds`. */
  readonly deadlineSeconds?: number
}

/** A running worker. It keeps its process alive until it has stopped. */
export interface Worker {
  readonly workerId: string
  /** Resolves when the worker has stopped. */
  readonly closed: Promise<void>
  readonly stats: WorkerStats
  /**
   * Calls `listener` with each attempt of this worker that ends so, once what became of it is known. What a listener throws, or
   * rejects with, goes to `onError`.
   * @throws TaskyardError `invalid_request` for what is no event
   */
  on<Event extends WorkerEvent>(event: Event, listener: WorkerListener<Event>): this
  off<Event extends WorkerEvent>(event: Event, listener: WorkerListener<Event>): this
  /**
   * Takes no more tasks, gives back those that have not started, lets handlers finish until the deadline, then aborts
   * and releases them (handlers whose signal has aborted are given 1 s), delivers every outcome and closes. Never rejects. Called again, it can only bring the deadline
   * forward. Outcomes that cannot be delivered within 5 s (an outage) are given up: their leases run out.
   */
  stop(options?: StopOptions): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Starts to run `handlers` on the tasks of a Taskyard. Outages are waited out: every call is repeated, with full-jitter
 * backoff of at most 2 s, until the worker is stopped.
 * @throws TaskyardError `invalid_configuration`
 */
export function startWorker(api: WorkerApi, handlers: TaskHandlers, options: WorkerOptions = {}): Worker {
  return new RunningWorker(api, handlers, resolveOptions(handlers, options))
}

class RunningWorker implements Worker {
  readonly workerId: string
  readonly closed: Promise<void>
  readonly #settings: WorkerSettings
  readonly #attempts: AttemptRunner
  readonly #heartbeat: Heartbeat
  readonly #session: WorkerSession
  readonly #stopping = new AbortController()
  readonly #drained = new AbortController()
  readonly #giveUp = new AbortController()
  readonly #condition = new Condition()
  readonly #started: Promise<void>
  readonly #listeners: WorkerListeners
  readonly #letProcessEnd = keepProcessAlive()
  #resolveClosed: () => void = () => {}

  constructor(api: WorkerApi, handlers: TaskHandlers, settings: WorkerSettings) {
    const { workerId, leaseSeconds, clock, random, report } = settings
    this.workerId = workerId
    this.#settings = settings
    this.#listeners = new WorkerListeners(report)
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    const types = declarationsOf(handlers).filter(({ type }) => settings.types.includes(type))
    const attempts = new AttemptRunner({
      api,
      handlers: functionsOf(handlers),
      settings,
      stopping: this.#stopping.signal,
      giveUp: this.#giveUp.signal,
      condition: this.#condition,
      onEnd: (attempt, answer) => this.#listeners.tell(attempt, answer),
    })
    this.#attempts = attempts
    this.#heartbeat = new Heartbeat({
      board: attempts.slots.board,
      leaseSeconds,
      clock,
      random,
      report,
      access: () => api.threadAccess(),
      onNews: (news) => {
        const lost = news.filter(({ status }) => status === 'lost')
        if (lost.length > 0) api.heartbeatRefused?.(lost.map(({ taskId, token }) => ({ taskId, token })))
        for (const { slot, generation, status } of news) {
          const attempt = attempts.slots.find(slot, generation)
          if (attempt === null) continue
          if (status === 'cancel') attempts.cancelAttempt(attempt)
          else attempts.loseLease(attempt)
        }
      },
    })
    void declareTypes({ api, types, settings, stopping: this.#stopping.signal })
    this.#session = this.#openSession(api)
    this.#started = this.#start()
  }

  get stats(): WorkerStats {
    return this.#attempts.stats
  }

  on<Event extends WorkerEvent>(event: Event, listener: WorkerListener<Event>): this {
    this.#listeners.on(event, listener)
    return this
  }

  off<Event extends WorkerEvent>(event: Event, listener: WorkerListener<Event>): this {
    this.#listeners.off(event, listener)
    return this
  }

  stop(options: StopOptions = {}): Promise<void> {
    const deadlineSeconds = options.deadlineSeconds ?? this.#settings.drainSeconds
    if (deadlineSeconds <= 0) this.#drained.abort()
    else this.#settings.clock.after(deadlineSeconds * 1000, () => this.#drained.abort())
    if (!this.#stopping.signal.aborted) {
      this.#stopping.abort()
      void this.#stop()
    }
    return this.closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #openSession(api: WorkerApi): WorkerSession {
    const { workerId, startId, queues, types, concurrency } = this.#settings
    return api.openSession(
      { workerId, startId, queues, types, concurrency },
      (taskId) => this.#attempts.cancel(taskId),
      (isOpen) => this.#heartbeat.hurry(!isOpen),
    )
  }

  async #start(): Promise<void> {
    const opened = this.#session.opened.catch((error: unknown) => this.#settings.report(error, 'session'))
    const patience = pause(this.#settings.clock, SESSION_MS, this.#stopping.signal)
    await Promise.all([Promise.race([opened, patience]), this.#heartbeat.start()])
    if (!this.#stopping.signal.aborted) this.#attempts.start()
  }

  async #stop(): Promise<void> {
    const steps: readonly [string, () => Promise<unknown>][] = [
      ['start', () => this.#started],
      ['drain', () => this.#drain()],
      ['delivery', () => this.#deliver()],
      ['session', () => within(this.#settings.clock, OBEY_MS, this.#session.close())],
      ['heartbeat thread', () => this.#heartbeat.stop()],
    ]
    for (const [name, step] of steps)
      await step().catch((error: unknown) => this.#settings.report(error, `stop: ${name}`))
    this.#attempts.close()
    this.#letProcessEnd()
    this.#resolveClosed()
  }

  async #drain(): Promise<void> {
    const { clock } = this.#settings
    this.#attempts.releaseReady()
    const quiet = this.#condition.until(() => this.#attempts.stats.running === 0)
    // What was told to stop before has no outcome to wait for.
    const hasNoWork = this.#condition.until(() => !this.#attempts.slots.hasWork())
    await Promise.race([hasNoWork, aborted(this.#drained.signal)])
    this.#attempts.abortRunning('shutting_down')
    await within(clock, OBEY_MS, quiet)
    this.#attempts.abandonRunning()
  }

  async #deliver(): Promise<void> {
    const { traffic } = this.#attempts
    const done = this.#condition.until(() => traffic.empty && !traffic.polling)
    if (!(await within(this.#settings.clock, DELIVER_MS, done))) {
      const { settling } = this.#attempts.stats
      this.#settings.report(new Error(`${settling} outcomes could not be delivered; their leases will run out`), 'stop')
    }
    this.#giveUp.abort()
  }
}

/** Whether the promise resolved in time. */
async function within(clock: Clock, limitMs: number, promise: Promise<unknown>): Promise<boolean> {
  const tooLate = new AbortController()
  const timer = pause(clock, limitMs, tooLate.signal).then(() => false)
  const inTime = await Promise.race([promise.then(() => true), timer])
  tooLate.abort()
  return inTime
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
