import { type ChoreFailure, type EndedLease, type SweepReport, TaskyardError } from '@taskyard/core'
import type { EngineHealth } from './engine.ts'
import type { Parts } from './parts.ts'

/** A sweep runs at least this often: it bounds how late an expired lease is noticed. Milliseconds. */
const LONGEST_PAUSE_MS = 1000
const TASKS_PER_CHORE = 1000
/** Between sweeps that find nothing due, though something should be. */
const LONGEST_IDLE_PAUSE_MS = 500
/** A store that is away is asked this often whether it is back. */
const PROBE_MS = 500
/** How long workers have, after the store or this process was away, to extend the leases that ran out meanwhile. */
const OUTAGE_GRACE_MS = 3000
/** Standstills in a row for which there is a grace: a machine that always stands still must end leases, too. */
const MOST_EXCUSED = 3

export interface Sweeper {
  start(): void
  /** Resolves when a sweep under way has ended. */
  stop(): Promise<void>
  /** Something is due at this time (ms): be there. */
  wakeAt(time: number): void
  /** Resolves when the sweep that the store is doing has ended; `null`: there is none. */
  underWay(): Promise<void> | null
  health(): EngineHealth['services'][number]
}

/**
 * Runs the store's housekeeping whenever something is due.
 *
 * After an outage it lets some seconds pass: when it starts, when the store comes back, and when this process stood still.
 * Nobody could extend a lease meanwhile, and a sweep at once would end those of tasks that are running well, which would
 * then run twice. Idle workers lose nothing by it: claims make due tasks ready by themselves.
 */
export function createSweeper(parts: Parts, onEnded: (ended: readonly EndedLease[]) => void): Sweeper {
  const { store, clock, timeOfDay, random, troubles, retention, cancelGraceMs, standstills } = parts
  let stopped = false
  let cancelTimer = () => {}
  let nextAt = Number.POSITIVE_INFINITY
  let underWay: Promise<void> | null = null
  let sweeping: Promise<void> | null = null
  let lastRunAt: number | null = null
  let failure: string | null = null
  // Nobody knows for how long there was no server when one starts.
  let wasAway = true
  /** By the clock of spans; all other times are times of day, as those of the store. */
  let graceUntil = Number.NEGATIVE_INFINITY
  let excusedEnd = Number.NEGATIVE_INFINITY
  let excused = 0
  let idlePauseMs = 0
  /** Chores of the store, by what they are called in the log. */
  let failing: ReadonlyMap<string, TaskyardError> = new Map()

  function plan(wantedAt: number): void {
    const time = Math.max(wantedAt, endOfGrace())
    if (stopped || underWay !== null) {
      nextAt = Math.min(nextAt, time)
      return
    }
    cancelTimer()
    nextAt = time
    cancelTimer = clock.after(Math.max(0, time - timeOfDay()), run)
  }

  function run(): void {
    nextAt = Number.POSITIVE_INFINITY
    underWay = step().then((wanted) => {
      underWay = null
      plan(Math.min(nextAt, wanted, timeOfDay() + LONGEST_PAUSE_MS))
    })
  }

  /** Resolves with when to come back, ms. */
  async function step(): Promise<number> {
    try {
      const wanted = wasAway ? await probe() : await sweepUnlessGrace()
      failure = null
      return wanted
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error)
      wasAway ||= error instanceof TaskyardError && error.code === 'store_unavailable'
      troubles.failed('sweeper', error)
      return timeOfDay() + (wasAway ? PROBE_MS : LONGEST_PAUSE_MS)
    }
  }

  async function probe(): Promise<number> {
    await store.presence.holders()
    wasAway = false
    graceUntil = clock.now() + OUTAGE_GRACE_MS
    return endOfGrace()
  }

  async function sweepUnlessGrace(): Promise<number> {
    excuseStandstill()
    if (clock.now() < graceUntil) return endOfGrace()
    const wanted = await sweep()
    excused = 0
    return wanted
  }

  function endOfGrace(): number {
    return timeOfDay() + (graceUntil - clock.now())
  }

  function excuseStandstill(): void {
    const end = standstills.lastEnd()
    if (end <= excusedEnd || excused >= MOST_EXCUSED) return
    excusedEnd = end
    excused += 1
    graceUntil = Math.max(graceUntil, end + OUTAGE_GRACE_MS)
  }

  /** Each failure once: the store tells of it until the chore works again. */
  function tellFailures(failures: readonly ChoreFailure[]): void {
    const now = new Map(failures.map(({ chore, error }) => [`sweeper: ${chore}`, error]))
    for (const [service, error] of now) if (failing.get(service) !== error) troubles.failed(service, error)
    for (const service of failing.keys()) if (!now.has(service)) troubles.worked(service)
    failing = now
  }

  async function sweep(): Promise<number> {
    const params = { cancelGraceMs, retention, limit: TASKS_PER_CHORE, jitter: random() }
    const report = await reported(store.upkeep.sweep(params))
    // Only now: a store that answers may still be one that cannot be written.
    troubles.worked('sweeper')
    tellFailures(report.failures ?? [])
    lastRunAt = timeOfDay()
    const nextAt = report.nextAt ?? Number.POSITIVE_INFINITY
    const isDueByOurClock = nextAt <= lastRunAt
    const didNothing = report.ended.length === 0 && report.promoted === 0 && report.removed === 0
    // The store's clock is behind this one: what is due here is not due there yet.
    idlePauseMs = isDueByOurClock && didNothing ? Math.min(idlePauseMs * 2 || 10, LONGEST_IDLE_PAUSE_MS) : 0
    return Math.max(nextAt, lastRunAt + idlePauseMs)
  }

  async function reported(sweep: Promise<SweepReport>): Promise<SweepReport> {
    const told = sweep.then(({ ended }) => onEnded(ended))
    sweeping = told.catch(() => {})
    try {
      await told
      return await sweep
    } finally {
      sweeping = null
    }
  }

  return {
    start: () => plan(timeOfDay()),
    async stop() {
      stopped = true
      cancelTimer()
      await underWay
    },
    wakeAt(time) {
      if (time < nextAt) plan(time)
    },
    underWay: () => sweeping,
    health: () => ({ name: 'sweeper', healthy: failure === null, lastRunAt, reason: failure }),
  }
}
