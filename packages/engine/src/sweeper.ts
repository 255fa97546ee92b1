import { type ChoreFailure, type EndedLease, type SweepReport, TaskyardError } from '@taskyard/core'
import type { EngineContext } from './engine-context.ts'
import type { Round } from './loop.ts'
import { LOOPS } from './loops.ts'
import { OutageGrace } from './outage-grace.ts'

const TASKS_PER_CHORE = 1000
/** Between sweeps that find nothing due, though something should be. */
const LONGEST_IDLE_PAUSE_MS = 500

export interface Sweeper {
  start(): void
  /** Resolves when a sweep under way has ended. */
  stop(): Promise<void>
  /** Something is due at this time of day (ms): be there. */
  wakeAt(time: number): void
  /** Resolves when the sweep that the store is doing has ended; `null`: there is none. */
  underWay(): Promise<void> | null
}

/**
 * Runs the store's housekeeping whenever something is due.
 *
 * After an outage it lets some seconds pass: when it starts, when the store comes back, and when this process stood still.
 * Nobody could extend a lease meanwhile, and a sweep at once would end those of tasks that are running well, which would
 * then run twice. Idle workers lose nothing by it: claims make due tasks ready by themselves.
 */
export function createSweeper(context: EngineContext, onEnded: (ended: readonly EndedLease[]) => void): Sweeper {
  const { store, clock, timeOfDay } = context
  const grace = new OutageGrace(clock, context.standstills)
  const sweeps = new Sweeps(context, onEnded)
  // Nobody knows for how long there was no server when one starts.
  let wasAway = true

  const loop = context.loops.create('sweeper', async () => {
    try {
      return wasAway ? await probe() : await sweepUnlessGrace()
    } catch (error) {
      wasAway ||= error instanceof TaskyardError && error.code === 'store_unavailable'
      throw error
    }
  })

  async function probe(): Promise<Round> {
    await store.presence.holders({ namespace: null })
    wasAway = false
    grace.begin()
    // A store that answers may still be one that cannot be written.
    return { nextMs: grace.until - clock.now(), isProof: false }
  }

  async function sweepUnlessGrace(): Promise<Round> {
    grace.excuseStandstill()
    const leftMs = grace.until - clock.now()
    if (leftMs > 0) return { nextMs: leftMs, isProof: false }
    const wanted = await sweeps.next()
    grace.swept()
    return { nextMs: Math.min(Math.max(0, wanted - timeOfDay()), LOOPS.sweeper.intervalMs) }
  }

  return {
    start: () => loop.start(),
    stop: () => loop.stop(),
    wakeAt: (time) => loop.wakeAt(Math.max(clock.now() + time - timeOfDay(), grace.until)),
    underWay: () => sweeps.underWay,
  }
}

/** The sweeps of the store, one after the other. */
class Sweeps {
  readonly #context: EngineContext
  readonly #onEnded: (ended: readonly EndedLease[]) => void
  /** Chores of the store, by what they are called in the log. */
  #failing: ReadonlyMap<string, TaskyardError> = new Map()
  #idlePauseMs = 0
  underWay: Promise<void> | null = null

  constructor(context: EngineContext, onEnded: (ended: readonly EndedLease[]) => void) {
    this.#context = context
    this.#onEnded = onEnded
  }

  /** Resolves with when to come back, ms since the epoch. */
  async next(): Promise<number> {
    const { store, random, retention, cancelGraceMs, timeOfDay } = this.#context
    const params = { cancelGraceMs, retention, limit: TASKS_PER_CHORE, jitter: random() }
    const report = await this.#told(store.upkeep.sweep(params))
    this.#tellFailures(report.failures ?? [])
    const sweptAt = timeOfDay()
    const nextAt = report.nextAt ?? Number.POSITIVE_INFINITY
    const isDueByOurClock = nextAt <= sweptAt
    const didNothing = report.ended.length === 0 && report.promoted === 0 && report.removed === 0
    // The store's clock is behind this one: what is due here is not due there yet.
    this.#idlePauseMs = isDueByOurClock && didNothing ? Math.min(this.#idlePauseMs * 2 || 10, LONGEST_IDLE_PAUSE_MS) : 0
    return Math.max(nextAt, sweptAt + this.#idlePauseMs)
  }

  async #told(sweep: Promise<SweepReport>): Promise<SweepReport> {
    const told = sweep.then(({ ended }) => this.#onEnded(ended))
    this.underWay = told.catch(() => {})
    try {
      await told
      return await sweep
    } finally {
      this.underWay = null
    }
  }

  /** Each failure once: the store tells of it until the chore works again. */
  #tellFailures(failures: readonly ChoreFailure[]): void {
    const { incidents } = this.#context
    const now = new Map(failures.map(({ chore, error }) => [`sweeper: ${chore}`, error]))
    for (const [service, error] of now) if (this.#failing.get(service) !== error) incidents.failed(service, error)
    for (const service of this.#failing.keys()) if (!now.has(service)) incidents.worked(service)
    this.#failing = now
  }
}
