import { isWatched, type WorkerKey, workerKey } from '@taskyard/core'
import { createAbsentWorkers, type EndedGraces, type LastStart } from './absent-workers.ts'
import type { ClaimersHere } from './claimers-here.ts'
import type { Connections } from './connections.ts'
import type { EndLeases } from './end-leases.ts'
import type { EngineContext } from './engine-context.ts'
import { createAskHeldLeases, type HeldLeases } from './held-leases.ts'
import { type AskHolders, type AskWhenTrusted, aliveWorkers, type HoldersAnswer } from './lease-holders.ts'
import type { Loop, Round } from './loop.ts'
import { createSignsOfLife } from './signs-of-life.ts'

/** The calls of a worker that died may go on for so long. */
const CALLS_MS = 1000
/** How often a grace begins anew because this process stood still in it. */
const MOST_EXCUSED = 3
/** What could not be decided or stored is tried again after so long. */
const AGAIN_MS = 1000

/**
 * The graces in which workers without a session may come back, and what follows when they do not: their leases end. One that
 * goes on extending its leases, or claiming, without a session lives: from each such sign it has another grace.
 */
export interface SessionGraces {
  /**
   * The worker has no session now: it has a grace, and calls of it that are under way are no signs of life. `startId` names the
   * start of it that was connected until now.
   */
  awaitReturn(worker: WorkerKey, startId?: string | null): void
  /** Whether a grace of this worker runs. */
  isAwaited(worker: WorkerKey): boolean
  /** The worker is back. */
  end(worker: WorkerKey): void
  /** Heeds signs of life, and awaits those whose session no process has. */
  look(answer: HoldersAnswer): void
  /** No more grace for these: their leases end, unless they live. Never rejects: what cannot be done is tried again. */
  endNow(workers: readonly WorkerKey[]): Promise<void>
  /**
   * What a dead start of this worker held when its connection broke, if this is another one. Resolves with `null` when the store did
   * not say.
   */
  heldByDeadStart(worker: WorkerKey, startId: string | undefined): Promise<HeldLeases | null> | null
  /** Calls every grace off. Resolves when nobody is judged any more. */
  stop(): Promise<void>
}

export interface SessionGracesParams {
  readonly connections: Connections
  readonly claimersHere: Pick<ClaimersHere, 'forget'>
  readonly askHolders: AskHolders
  readonly askWhenTrusted: AskWhenTrusted
  readonly endLeases: EndLeases
}

/** Nothing runs until the first worker is awaited. */
export function createSessionGraces(context: EngineContext, params: SessionGracesParams): SessionGraces {
  return new Graces(context, params)
}

class Graces implements SessionGraces {
  readonly #context: EngineContext
  readonly #params: SessionGracesParams
  readonly #absent = createAbsentWorkers()
  readonly #signs = createSignsOfLife()
  readonly #askHeldLeases: (worker: WorkerKey) => Promise<HeldLeases | null>
  readonly #callsMs: number
  /** Ends the leases of those whose grace is over. */
  readonly #loop: Loop
  /** Looks at those of whom nothing is known yet. */
  readonly #looks: Loop
  #stopped = false
  #judging: Promise<void> | null = null

  constructor(context: EngineContext, params: SessionGracesParams) {
    this.#context = context
    this.#params = params
    this.#askHeldLeases = createAskHeldLeases(context)
    this.#callsMs = Math.min(CALLS_MS, context.sessionGraceMs / 5)
    this.#loop = context.loops.create('session-graces', () => this.#endGraces())
    this.#looks = context.loops.create('signs-of-life', () => this.#lookForSigns())
  }

  awaitReturn(worker: WorkerKey, startId: string | null = null): void {
    if (this.#stopped) return
    const now = this.#context.clock.now()
    this.#signs.expect(worker, now + this.#callsMs)
    this.#start(worker, startId === null ? {} : { lastStart: { startId, held: this.#askHeldLeases(worker) } })
    this.#looks.wakeAt(now + this.#callsMs)
  }

  isAwaited(worker: WorkerKey): boolean {
    return this.#absent.isAwaited(worker)
  }

  end(worker: WorkerKey): void {
    this.#absent.remove(worker)
    this.#signs.forget(worker)
  }

  look(answer: HoldersAnswer): void {
    const { holders, askedAt } = answer
    const alive = aliveWorkers(holders)
    for (const holder of holders) {
      const worker = workerKey(holder)
      if (holder.nodeId !== null || !holder.session || alive.has(worker)) continue
      if (this.#params.connections.has(worker) || this.#absent.has(worker)) continue
      this.#signs.expect(worker, askedAt)
      this.#start(worker)
    }
    this.#observe(answer)
  }

  async endNow(workers: readonly WorkerKey[]): Promise<void> {
    if (this.#stopped || workers.length === 0) return
    for (const worker of workers) this.#absent.endGrace(worker)
    this.#judging ??= this.#context.pendingCalls.track(this.#judgeAll())
    await this.#judging
  }

  heldByDeadStart(worker: WorkerKey, startId: string | undefined): Promise<HeldLeases | null> | null {
    const lastStart = this.#absent.lastStartOf(worker)
    return startId === undefined || lastStart === null || lastStart.startId === startId ? null : lastStart.held
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all([this.#loop.stop(), this.#looks.stop()])
  }

  /** The worker has so long from now, whatever time it had before. */
  #start(worker: WorkerKey, { delayMs = this.#context.sessionGraceMs, excused = 0, lastStart }: NewGrace = {}): void {
    const since = this.#context.clock.now()
    const until = since + delayMs
    this.#absent.awaitReturn(worker, { since, until, excused }, lastStart)
    this.#loop.wakeAt(until)
  }

  #startAgain(workers: readonly WorkerKey[]): void {
    for (const worker of workers) this.#start(worker, { delayMs: AGAIN_MS })
  }

  async #endGraces(): Promise<Round> {
    const { clock, standstills } = this.#context
    const ended: WorkerKey[] = []
    for (const [worker, { since, excused }] of this.#absent.due(clock.now())) {
      // The worker may have come back, and this process could not hear it.
      const stoodStill = standstills.lastEnd() > since
      if (stoodStill && excused < MOST_EXCUSED) this.#start(worker, { excused: excused + 1 })
      else ended.push(worker)
    }
    await this.endNow(ended)
    return { nextMs: this.#absent.nextEnd() - clock.now(), isProof: false }
  }

  async #lookForSigns(): Promise<Round> {
    // A store that fails is reported, and dealt with, at the end of the grace.
    const isProof = await this.#params.askHolders().then(
      (answer) => this.#observe(answer) !== null,
      () => false,
    )
    return this.#signs.hasUnseen() ? { nextMs: this.#callsMs, isProof } : { isProof }
  }

  /** Answers with those who were seen for the first time. */
  #observe(answer: HoldersAnswer): readonly WorkerKey[] {
    const { heardOf, firstSeen } = this.#signs.observe(answer)
    if (heardOf.length > 0) {
      // Whom another process has needs no grace here: that process awaits its return.
      const alive = aliveWorkers(answer.holders)
      const watched = new Set(answer.holders.filter(isWatched).map(workerKey))
      for (const worker of heardOf) if (watched.has(worker) && !alive.has(worker)) this.#start(worker)
    }
    return firstSeen
  }

  async #judgeAll(): Promise<void> {
    // Those whose graces end meanwhile are dealt with together.
    for (let ended = this.#absent.endedGraces(); !ended.isEmpty && !this.#stopped; ended = this.#absent.endedGraces())
      await this.#judge(ended)
    this.#judging = null
  }

  // A store that is away must not save a dead worker's leases: try again until it answers.
  async #judge(ended: EndedGraces): Promise<void> {
    try {
      const answer = await this.#params.askWhenTrusted()
      if (answer === null) return this.#startAgain(ended.unchanged())
      const alive = aliveWorkers(answer.holders)
      const firstSeen = new Set(this.#observe(answer))
      this.#startAgain(ended.unchanged().filter((worker) => firstSeen.has(worker) && !alive.has(worker)))
      const dead = ended.unchanged().filter((worker) => !alive.has(worker))
      await this.#params.endLeases(dead)
      for (const worker of dead) this.#params.claimersHere.forget(worker)
      for (const worker of ended.unchanged()) this.end(worker)
      this.#loop.worked()
    } catch (error) {
      this.#loop.failed(error)
      this.#startAgain(ended.unchanged())
    }
  }
}

/** How long a grace lasts, how many before it this process stood still in, and what the start that was connected until now has left. */
interface NewGrace {
  readonly delayMs?: number
  readonly excused?: number
  readonly lastStart?: LastStart
}
