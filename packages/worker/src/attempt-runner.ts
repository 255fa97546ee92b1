import type { LeasedTaskDocument, OutcomeAnswer, TaskHandler, TaskOutcome, WorkerApi } from '@taskyard/core'
import { LEASE_LOST } from '@taskyard/core'
import { AbortedHandlers } from './aborted-handlers.ts'
import { Attempt } from './attempt.ts'
import { callHandler, noHandler } from './call-handler.ts'
import type { Condition } from './condition.ts'
import { Deadlines } from './deadlines.ts'
import { HandlerContext } from './handler-context.ts'
import { LeaseSlots } from './lease-slots.ts'
import { Lookahead } from './lookahead.ts'
import { outcomeOfAbort, releasedOutcome } from './outcome.ts'
import { isSuspect, ReadyAttempts } from './ready-attempts.ts'
import { RecordBuffer } from './record-buffer.ts'
import { soon } from './runtime.ts'
import { SettleTraffic } from './settle-traffic.ts'
import type { AbortCode } from './task-aborted.ts'
import type { WorkerSettings } from './worker-options.ts'
import type { WorkerStats } from './worker-stats.ts'

/** Handlers started in one go, and how long that may take, before waiting I/O gets its turn. */
const SLICE_TASKS = 250
const SLICE_MS = 5

export interface AttemptRunnerParams {
  readonly api: WorkerApi
  readonly handlers: ReadonlyMap<string, TaskHandler>
  readonly settings: WorkerSettings
  readonly stopping: AbortSignal
  readonly giveUp: AbortSignal
  /** Told whenever something that a stopping worker waits for may have happened. */
  readonly condition: Condition
  /** It is known what became of an attempt: the server's answer to its outcome, or `lost`. */
  onEnd(attempt: Attempt, answer: OutcomeAnswer): void
}

/** Runs handlers for leased tasks: from `receive` over the handler to the outcome, within `concurrency`. */
export class AttemptRunner {
  readonly slots: LeaseSlots
  readonly traffic: SettleTraffic
  readonly records: RecordBuffer
  readonly #params: AttemptRunnerParams
  readonly #handlers: ReadonlyMap<string, TaskHandler>
  readonly #lookahead: Lookahead
  readonly #deadlines: Deadlines
  readonly #counts = { started: 0, succeeded: 0, failed: 0, cancelled: 0, released: 0, lost: 0 }
  readonly #ready = new ReadyAttempts()
  readonly #abortedHandlers: AbortedHandlers
  #running = 0
  #settling = 0
  #finishedSinceFlush = 0
  #pumpPlanned = false

  constructor(params: AttemptRunnerParams) {
    const { api, handlers, settings, stopping, giveUp, condition } = params
    const { clock, random, report, concurrency, prefetch, abortGraceSeconds, maxAbandoned } = settings
    this.#params = params
    this.#handlers = handlers
    this.#lookahead = new Lookahead(prefetch, clock.now())
    this.#deadlines = new Deadlines(clock, (now) => this.#endOverdue(now))
    this.#abortedHandlers = new AbortedHandlers({
      clock,
      report,
      graceMs: abortGraceSeconds * 1000,
      most: maxAbandoned,
      onGivenUp: (attempt) => this.#abandon(attempt),
    })
    // Twice what can be here: outcomes keep their lease, and so their slot, until they are accepted.
    this.slots = new LeaseSlots(2 * (concurrency + this.#lookahead.max) + 64)
    const onLost = (attempt: Attempt) => this.loseLease(attempt)
    this.records = new RecordBuffer({ api, clock, random, report, giveUp, onLost })
    this.traffic = new SettleTraffic({
      api,
      settings,
      records: this.records,
      stopping,
      giveUp,
      capacity: () => concurrency + this.#lookahead.size,
      room: () => this.#room(),
      idle: () => this.#running === 0 && this.#ready.length === 0,
      onTasks: (tasks) => this.#receive(tasks),
      onSettled: (attempt, answer) => this.#settled(attempt, answer),
      onChange: () => condition.changed(),
    })
  }

  get stats(): WorkerStats {
    const abandoned = this.#abortedHandlers.givenUp
    return { running: this.#running, abandoned, ready: this.#ready.length, settling: this.#settling, ...this.#counts }
  }

  start(): void {
    this.#pump()
  }

  /** A cancel request, by push or by heartbeat. A task that has not started ends here. */
  cancel(taskId: string): void {
    for (const attempt of this.slots.held()) if (attempt.task.id === taskId) this.cancelAttempt(attempt)
  }

  cancelAttempt(attempt: Attempt): void {
    attempt.cancelRequested = true
    this.#abort(attempt, 'cancelled')
  }

  /** Another worker may hold the task now: nothing that happens here counts any more. */
  loseLease(attempt: Attempt): void {
    if (attempt.leaseLost || attempt.state === 'ended') return
    attempt.leaseLost = true
    // A settling attempt is judged by the answer to its outcome, which may have been accepted just now.
    if (attempt.state === 'settling') return
    const wasReady = attempt.state === 'ready'
    if (wasReady) this.#ready.remove(attempt)
    else this.#abortedHandlers.add(attempt)
    attempt.abort('lease_lost')
    this.slots.release(attempt)
    this.#counts.lost++
    if (wasReady) attempt.state = 'ended'
    this.#params.onEnd(attempt, LEASE_LOST)
    this.#pumpSoon()
  }

  /** Gives back what has not started. */
  releaseReady(): void {
    for (const attempt of this.#ready.takeAll()) this.#settle(attempt, releasedOutcome(attempt))
    this.#pumpSoon()
  }

  abortRunning(code: AbortCode): void {
    for (const attempt of this.slots.held()) if (attempt.state === 'running') this.#abort(attempt, code)
  }

  /** Settles what still runs although it was told to stop; whatever it does from now on counts no more. */
  abandonRunning(): void {
    for (const attempt of this.slots.held()) {
      if (attempt.state === 'running') this.#settle(attempt, outcomeOfAbort(attempt))
    }
    this.traffic.flush()
  }

  close(): void {
    this.#deadlines.clear()
    this.#abortedHandlers.close()
    this.records.close()
  }

  #room(): number {
    if (this.#ready.isReserved(this.#params.settings.clock.now())) return 0
    const room = this.#params.settings.concurrency + this.#lookahead.size - this.#running - this.#ready.length
    return Math.min(room, this.slots.free)
  }

  #receive(tasks: readonly LeasedTaskDocument[]): void {
    if (tasks.length === 0) return
    const now = this.#params.settings.clock.now()
    for (const task of tasks) {
      try {
        this.#take(task, now)
      } catch (error) {
        this.#params.settings.report(error, `taking task ${task.id}`)
      }
    }
    if (this.#params.stopping.aborted) this.releaseReady()
    else this.#pump()
  }

  #take(task: LeasedTaskDocument, now: number): void {
    const attempt = new Attempt(task, this.#handlers.get(task.type) ?? noHandler, now)
    this.slots.hold(attempt)
    // Claimed before a suspect came that keeps its place free of others.
    if (this.#ready.isReserved(now)) return this.#settle(attempt, releasedOutcome(attempt))
    this.#ready.add(attempt)
    this.#deadlines.add(Math.min(attempt.deadlineAt, this.#lookahead.giveBackAt(attempt)))
    if (isSuspect(attempt)) this.#deadlines.add(this.#ready.reservedUntil)
  }

  #pumpSoon(): void {
    if (this.#pumpPlanned) return
    this.#pumpPlanned = true
    soon(() => {
      this.#pumpPlanned = false
      this.#pump()
    })
  }

  #pump(): void {
    try {
      this.#startReady()
      this.#flush()
    } catch (error) {
      this.#params.settings.report(error, 'dispatch')
      this.#params.settings.clock.after(100, () => this.#pumpSoon())
    }
    this.#params.condition.changed()
  }

  #startReady(): void {
    const { clock, concurrency } = this.#params.settings
    let now = clock.now()
    const sliceEnd = now + SLICE_MS
    for (let started = 0; this.#running < concurrency && this.#ready.length > 0; started++) {
      if (started >= SLICE_TASKS || now >= sliceEnd) {
        this.#pumpSoon()
        return
      }
      const next = this.#ready.next(this.#running + this.#settling, now)
      if (next === undefined) return
      this.#run(next)
      now = clock.now()
    }
  }

  #flush(): void {
    this.#lookahead.observe(this.#finishedSinceFlush, this.#params.settings.clock.now())
    this.#finishedSinceFlush = 0
    this.traffic.flush()
  }

  #run(attempt: Attempt): void {
    attempt.state = 'running'
    this.#running++
    this.#counts.started++
    if (isSuspect(attempt)) this.#deadlines.add(this.#ready.reservedUntil)
    const context = new HandlerContext(attempt, this.records, this.slots.board)
    callHandler(attempt, context, this.#onEnd, this.#onEndLater)
  }

  readonly #onEnd = (attempt: Attempt, outcome: TaskOutcome): void => {
    const wasGivenUp = attempt.abortCode !== null && this.#abortedHandlers.ended(attempt)
    if (!wasGivenUp) this.#running--
    this.#finishedSinceFlush++
    if (attempt.state !== 'running') return
    if (attempt.leaseLost) attempt.state = 'ended'
    else this.#settle(attempt, outcome)
  }

  readonly #onEndLater = (attempt: Attempt, outcome: TaskOutcome): void => {
    this.#onEnd(attempt, outcome)
    const { stopping, settings } = this.#params
    const hasPlace = !stopping.aborted && this.#running < settings.concurrency
    const next = hasPlace ? this.#ready.next(this.#running + this.#settling, settings.clock.now()) : undefined
    if (next !== undefined) this.#run(next)
    this.#pumpSoon()
  }

  #abort(attempt: Attempt, code: AbortCode): void {
    if (attempt.state !== 'running' && attempt.state !== 'ready') return
    if (attempt.state === 'running') this.#abortedHandlers.add(attempt)
    attempt.abort(code)
    this.#params.condition.changed()
    if (attempt.state === 'ready') this.#settleUnstarted(attempt, outcomeOfAbort(attempt))
  }

  /** A handler that does not obey: its attempt ends here, and so does its claim to a place. */
  #abandon(attempt: Attempt): void {
    this.#running--
    if (attempt.leaseLost) attempt.state = 'ended'
    else if (attempt.state === 'running') this.#settle(attempt, outcomeOfAbort(attempt))
    this.#pumpSoon()
  }

  #settleUnstarted(attempt: Attempt, outcome: TaskOutcome): void {
    this.#ready.remove(attempt)
    this.#settle(attempt, outcome)
    this.#pumpSoon()
  }

  #settle(attempt: Attempt, outcome: TaskOutcome): void {
    attempt.state = 'settling'
    attempt.outcome = outcome
    this.#settling++
    this.traffic.add(attempt)
  }

  #settled(attempt: Attempt, answer: OutcomeAnswer): void {
    attempt.state = 'ended'
    this.#settling--
    this.slots.release(attempt)
    if (this.#ready.reservedUntil > 0) this.#pumpSoon()
    if (answer.status === 'lost') this.#counts.lost++
    else this.#counts[(attempt.outcome as TaskOutcome).outcome]++
    this.#params.onEnd(attempt, answer)
  }

  #endOverdue(now: number): number {
    // A suspect has waited, or run alone, for long enough.
    const { reservedUntil } = this.#ready
    if (reservedUntil <= now) this.#pumpSoon()
    let next = reservedUntil > now ? reservedUntil : Number.POSITIVE_INFINITY
    for (const attempt of this.slots.held()) {
      if (attempt.state !== 'ready' && attempt.state !== 'running') continue
      if (attempt.deadlineAt <= now) this.#abort(attempt, 'timeout')
      else if (attempt.state === 'running') next = attempt.abortCode ? next : Math.min(next, attempt.deadlineAt)
      else if (this.#lookahead.giveBackAt(attempt) <= now) this.#settleUnstarted(attempt, releasedOutcome(attempt))
      else next = Math.min(next, attempt.deadlineAt, this.#lookahead.giveBackAt(attempt))
    }
    return next
  }
}
