import {
  type Clock,
  type ExtendStatus,
  type Heartbeats,
  type LeaseRef,
  LIMITS,
  monotonicClock,
  type Random,
} from '@taskyard/core'
import type { LeaseNews } from './heartbeat-messages.ts'
import type { HeldLease, LeaseBoard } from './lease-board.ts'
import { type ReportError, rateLimited } from './report-error.ts'

export interface HeartbeatRoundsParams {
  readonly board: LeaseBoard
  readonly extender: Heartbeats
  readonly leaseMs: number
  readonly clock: Clock
  readonly random: Random
  /** While the worker's session is broken, its heartbeats are all that says that it lives. */
  isHurried(): boolean
  onNews(news: readonly LeaseNews[]): void
  onError(error: unknown): void
}

/** Trouble that goes on is told again after so long. */
const REPORT_MS = 5000
/** In a hurry every lease is extended at least every 2 s: often enough to be heard of within the grace of a session. */
const HURRIED_LOOK_MS = 1000
/** In a hurry a call that has no answer for so long, as from a server that hangs, is given up: the next may reach another. */
const HURRIED_ANSWER_MS = 2000

/** A time of day that is so much later than the monotonic clock tells of a machine that slept. */
const SLEPT_MS = 1000

/**
 * A monotonic clock: whoever sets the machine's clock back must not keep leases from being extended. It goes on while
 * the machine sleeps, as the clock does by which leases end.
 */
function sleepAwareClock(clock: Clock): Clock {
  const monotonic = monotonicClock(clock)
  let sleptMs = 0
  let [monotonicAt, timeOfDay] = [monotonic.now(), clock.now()]
  return {
    after: monotonic.after,
    now() {
      const missedMs = clock.now() - timeOfDay - (monotonic.now() - monotonicAt)
      if (missedMs > SLEPT_MS) sleptMs += missedMs
      monotonicAt = monotonic.now()
      timeOfDay = clock.now()
      return monotonicAt + sleptMs
    },
  }
}

/** What the thread remembers of a slot: for which generation, when it was extended, and what was told of it. */
interface SlotMemory {
  generation: number
  extendedAt: number
  told: ExtendStatus
}

/**
 * Extends every lease on the board before a third of its time has passed. The board is looked at twice as often: a
 * lease met for the first time may be one look old, and one that ends before the second look costs no heartbeat at all.
 */
export class HeartbeatRounds {
  readonly #params: HeartbeatRoundsParams
  readonly #clock: Clock
  readonly #memory: SlotMemory[]
  readonly #report: ReportError

  constructor(params: HeartbeatRoundsParams) {
    this.#params = params
    this.#clock = sleepAwareClock(params.clock)
    this.#report = rateLimited(params.onError, this.#clock, REPORT_MS)
    this.#memory = Array.from({ length: params.board.slots }, () => ({ generation: 0, extendedAt: 0, told: 'ok' }))
  }

  /** One look at the board. Never rejects. Resolves with the wait until the next, ms: short after trouble. */
  async run(): Promise<number> {
    const startedAt = this.#clock.now()
    try {
      const due = this.#due(startedAt, this.#lookMs())
      for (let first = 0; first < due.length; first += LIMITS.batch) {
        await this.#extend(due.slice(first, first + LIMITS.batch))
      }
    } catch (error) {
      this.#report(error, 'heartbeat')
      return this.#params.random() * Math.min(1000, this.#lookMs())
    }
    // A hurry may have begun during the round.
    return Math.max(0, startedAt + this.#lookMs() - this.#clock.now())
  }

  #lookMs(): number {
    const lookMs = this.#params.leaseMs / 6
    return this.#params.isHurried() ? Math.min(lookMs, HURRIED_LOOK_MS) : lookMs
  }

  #due(now: number, lookMs: number): readonly HeldLease[] {
    const due: HeldLease[] = []
    for (let slot = 0; slot < this.#memory.length; slot++) {
      const memory = this.#memory[slot] as SlotMemory
      const generation = this.#params.board.generation(slot)
      if ((generation & 1) === 0) continue
      if (memory.generation !== generation) {
        memory.generation = generation
        memory.extendedAt = now - lookMs
        memory.told = 'ok'
      } else if (memory.told !== 'lost' && now - memory.extendedAt >= lookMs * 1.5) {
        const lease = this.#params.board.read(slot)
        if (lease !== null && lease.generation === generation) due.push(lease)
      }
    }
    return due
  }

  async #extend(leases: readonly HeldLease[]): Promise<void> {
    const askedAt = this.#clock.now()
    const refs = leases.map(({ taskId, token }) => ({ taskId, token }))
    const statuses = await this.#call(refs)
    if (statuses.length !== leases.length)
      throw new TypeError(`a heartbeat was not answered with ${leases.length} results`)
    const news: LeaseNews[] = []
    leases.forEach((lease, index) => {
      const status = this.#note(lease, statuses[index] as ExtendStatus, askedAt)
      if (status !== null) news.push({ ...lease, status })
    })
    if (news.length > 0) this.#params.onNews(news)
  }

  async #call(leases: readonly LeaseRef[]): Promise<readonly ExtendStatus[]> {
    const { extender, leaseMs, clock, isHurried } = this.#params
    const call = new AbortController()
    let callOff = () => {}
    const watch = () => {
      callOff = clock.after(HURRIED_ANSWER_MS, () => {
        if (isHurried()) call.abort(new Error(`no answer within ${HURRIED_ANSWER_MS / 1000} s`))
        else watch()
      })
    }
    watch()
    try {
      return await extender.extend({ leases, leaseMs }, call.signal)
    } finally {
      callOff()
    }
  }

  /** The status when it is worth telling: `lost` and `cancel`, once each. */
  #note(lease: HeldLease, status: ExtendStatus, askedAt: number): 'lost' | 'cancel' | null {
    const memory = this.#memory[lease.slot] as SlotMemory
    if (memory.generation !== lease.generation) return null
    this.#params.board.noteAnswer(lease, this.#params.clock.now())
    memory.extendedAt = askedAt
    if (status === 'ok' || memory.told === status) return null
    memory.told = status
    return status
  }
}
