import type { Clock } from '@taskyard/core'
import type { Incidents } from './incidents.ts'
import type { LoopReport } from './loop-report.ts'

/** When a loop does its rounds. Milliseconds. */
export interface LoopTiming {
  /** Between two rounds at the longest, unless a round says when it wants the next; `null`: only when something is due. */
  readonly intervalMs: number | null
  /** After a failure: the first pause, doubled by each further one in a row, and the longest. */
  readonly retryMs: readonly [first: number, longest: number]
  /** Whether this process cannot serve while the loop fails. */
  readonly essential: boolean
}

/** What a round says. */
export interface Round {
  /** The next is due so long from now. Default: the interval. */
  readonly nextMs?: number
  /** `false`: what failed before was not even tried, so nobody is told that it works again. Default: true. */
  readonly isProof?: boolean
}

export interface LoopParams extends LoopTiming {
  readonly name: string
  /** Monotonic. */
  readonly clock: Clock
  readonly timeOfDay: () => number
  readonly incidents: Incidents
  /** Does one round. When it rejects, that is told, and it is tried again after a pause. */
  run(): Promise<Round>
}

/** A piece of background work that is done again and again, one round at a time. */
export interface Loop {
  /** The first round is due so long from now. Default: at once. */
  start(inMs?: number): void
  /** Begins no more rounds. Resolves when the one under way has ended. */
  stop(): Promise<void>
  /** Something is due at this time, ms by the monotonic clock: a round begins then, or right after the one under way. */
  wakeAt(time: number): void
  /** Work of this loop that was done outside its rounds failed. */
  failed(error: unknown): void
  /** Work of this loop that was done outside its rounds was done well. */
  worked(): void
  report(): LoopReport
}

/** One contract for all background work: when it runs, how it pauses after failures, how it stops, and what is seen of it. */
export function createLoop(params: LoopParams): Loop {
  return new TimedLoop(params)
}

class TimedLoop implements Loop {
  readonly #params: LoopParams
  #isStopped = false
  /** By the monotonic clock. */
  #nextAt = Number.POSITIVE_INFINITY
  #callOffNext = () => {}
  #underWay: Promise<void> | null = null
  #lastRunAt: number | null = null
  #failing: { readonly since: number; readonly reason: string; readonly inARow: number } | null = null
  #rounds = 0
  #failures = 0
  #busyMs = 0

  constructor(params: LoopParams) {
    this.#params = params
  }

  start(inMs = 0): void {
    this.wakeAt(this.#params.clock.now() + inMs)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#callOffNext()
    await this.#underWay
  }

  wakeAt(time: number): void {
    if (this.#isStopped || time >= this.#nextAt) return
    this.#nextAt = time
    if (this.#underWay !== null) return
    this.#callOffNext()
    const { clock } = this.#params
    this.#callOffNext = clock.after(Math.max(0, time - clock.now()), () => this.#begin())
  }

  failed(error: unknown): void {
    const { name, timeOfDay, incidents } = this.#params
    const reason = error instanceof Error ? error.message : String(error)
    const { since, inARow } = this.#failing ?? { since: timeOfDay(), inARow: 0 }
    this.#failures += 1
    this.#failing = { since, reason, inARow: inARow + 1 }
    incidents.failed(name, error)
  }

  worked(): void {
    this.#failing = null
    this.#lastRunAt = this.#params.timeOfDay()
    this.#params.incidents.worked(this.#params.name)
  }

  report(): LoopReport {
    const { name, intervalMs, essential } = this.#params
    return {
      name,
      intervalMs,
      essential,
      healthy: this.#failing === null,
      lastRunAt: this.#lastRunAt,
      failingSince: this.#failing?.since ?? null,
      reason: this.#failing?.reason ?? null,
      rounds: this.#rounds,
      failures: this.#failures,
      busyMs: this.#busyMs,
    }
  }

  #begin(): void {
    const { clock } = this.#params
    const startedAt = clock.now()
    this.#nextAt = Number.POSITIVE_INFINITY
    this.#rounds += 1
    this.#underWay = this.#round().then((waitMs) => {
      const now = clock.now()
      this.#underWay = null
      this.#busyMs += now - startedAt
      const next = Math.min(this.#nextAt, now + waitMs)
      this.#nextAt = Number.POSITIVE_INFINITY
      this.wakeAt(next)
    })
  }

  /** Never rejects. Resolves with how long to wait for the next, ms. */
  async #round(): Promise<number> {
    const { run, intervalMs } = this.#params
    const failuresBefore = this.#failures
    try {
      const { nextMs = intervalMs ?? Number.POSITIVE_INFINITY, isProof = true } = await run()
      if (isProof) this.worked()
      else if (this.#failures === failuresBefore) this.#failing = null
      return nextMs
    } catch (error) {
      this.failed(error)
      return this.#pauseMs()
    }
  }

  #pauseMs(): number {
    const [first, longest] = this.#params.retryMs
    return Math.min(longest, first * 2 ** Math.min((this.#failing?.inARow ?? 1) - 1, 30))
  }
}
