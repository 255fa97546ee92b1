import type { Clock } from '@taskyard/core'
import type { Attempt } from './attempt.ts'
import { Deadlines } from './deadlines.ts'
import type { ReportError } from './report-error.ts'

export interface AbortedHandlersParams {
  readonly clock: Clock
  readonly report: ReportError
  /** How long a handler may run on after its signal aborted; infinity: as long as it likes. */
  readonly graceMs: number
  /** So many handlers that were given up may run at the same time. */
  readonly most: number
  /** The handler's place is free for another task, although it still runs. */
  onGivenUp(attempt: Attempt): void
}

/**
 * Handlers that go on although their signal has aborted. After a grace they are given up: they no longer count as
 * running. JavaScript cannot end them, so their number is bounded; one more keeps its place until another has ended.
 */
export class AbortedHandlers {
  readonly #params: AbortedHandlersParams
  readonly #deadlines: Deadlines
  /** When each is to be given up, ms. */
  readonly #waiting = new Map<Attempt, number>()
  readonly #givenUp = new Set<Attempt>()

  constructor(params: AbortedHandlersParams) {
    this.#params = params
    this.#deadlines = new Deadlines(params.clock, (now) => this.#look(now))
  }

  /** Handlers that were given up and still run. */
  get givenUp(): number {
    return this.#givenUp.size
  }

  /** The signal of a running handler has just aborted. */
  add(attempt: Attempt): void {
    const { clock, graceMs } = this.#params
    if (!Number.isFinite(graceMs) || this.#waiting.has(attempt)) return
    const at = clock.now() + graceMs
    this.#waiting.set(attempt, at)
    this.#deadlines.add(at)
  }

  /** A handler has ended. Whether it had been given up before. */
  ended(attempt: Attempt): boolean {
    this.#waiting.delete(attempt)
    const wasGivenUp = this.#givenUp.delete(attempt)
    if (wasGivenUp && this.#waiting.size > 0) this.#deadlines.add(this.#params.clock.now())
    return wasGivenUp
  }

  close(): void {
    this.#deadlines.clear()
  }

  #look(now: number): number {
    let next = Number.POSITIVE_INFINITY
    for (const [attempt, at] of this.#waiting) {
      if (at > now) next = Math.min(next, at)
      else if (this.#givenUp.size < this.#params.most) this.#giveUp(attempt)
      else this.#tell(attempt, `it keeps its place: ${this.#givenUp.size} like it were given up before and still run`)
    }
    return next
  }

  #giveUp(attempt: Attempt): void {
    this.#waiting.delete(attempt)
    this.#givenUp.add(attempt)
    const { most } = this.#params
    this.#tell(attempt, `its place goes to another task (${this.#givenUp.size} of at most ${most} such handlers)`)
    this.#params.onGivenUp(attempt)
  }

  #tell({ task, abortCode }: Attempt, consequence: string): void {
    const { report, graceMs } = this.#params
    const what = `the handler of ${task.type} task ${task.id} still runs ${graceMs / 1000} s after its signal aborted`
    report(new Error(`${what} (${abortCode}); ${consequence}`), 'handler')
  }
}
