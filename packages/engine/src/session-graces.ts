import { isWatched } from '@taskyard/core'
import { createAbsentWorkers, type Left, type Over } from './absent-workers.ts'
import type { Connections } from './connections.ts'
import type { EndLeases } from './end-leases.ts'
import { createHeldNow, type Held } from './held-leases.ts'
import { type AskHolders, type AskWhenTrusted, type HoldersAnswer, idOf, livingOf } from './lease-holders.ts'
import type { Parts } from './parts.ts'
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
  awaitReturn(workerId: string, startId?: string | null): void
  /** Whether a grace of this worker runs. */
  isAwaited(workerId: string): boolean
  /** The worker is back. */
  end(workerId: string): void
  /** Heeds signs of life, and awaits those whose session no process has. */
  look(answer: HoldersAnswer): void
  /** No more grace for these: their leases end, unless they live. Never rejects: what cannot be done is tried again. */
  endNow(workerIds: readonly string[]): Promise<void>
  /**
   * What a dead start of this worker held when its connection broke, if this is another one. Resolves with `null` when the store did
   * not say.
   */
  leftBefore(workerId: string, startId: string | undefined): Promise<Held | null> | null
  /** Calls every grace off; none begins any more. */
  stop(): void
}

/** How long a grace lasts, how many before it this process stood still in, and what the start that was connected until now has left. */
interface Grace {
  readonly delayMs?: number
  readonly excused?: number
  readonly left?: Left
}

export interface SessionGracesParams {
  readonly connections: Connections
  readonly askHolders: AskHolders
  readonly askWhenTrusted: AskWhenTrusted
  readonly endLeases: EndLeases
}

export function createSessionGraces(
  parts: Parts,
  { connections, askHolders, askWhenTrusted, endLeases }: SessionGracesParams,
): SessionGraces {
  const { clock, sessionGraceMs, standstills, troubles } = parts
  const { track } = parts.underWay
  const absent = createAbsentWorkers()
  const signs = createSignsOfLife()
  const heldNow = createHeldNow(parts)
  const callsMs = Math.min(CALLS_MS, sessionGraceMs / 5)
  let stopped = false
  let callOffLook: (() => void) | null = null
  let judging: Promise<void> | null = null

  function end(workerId: string): void {
    absent.remove(workerId)
    signs.forget(workerId)
  }

  /** The worker has so long from now, whatever time it had before. */
  function start(workerId: string, { delayMs = sessionGraceMs, excused = 0, left }: Grace = {}): void {
    if (stopped) return
    const since = clock.now()
    const callOff = clock.after(delayMs, () => {
      // The worker may have come back, and this process could not hear it.
      const stoodStill = standstills.lastEnd() > since
      if (stoodStill && excused < MOST_EXCUSED) start(workerId, { excused: excused + 1 })
      else void endNow([workerId])
    })
    absent.awaitReturn(workerId, callOff, left)
  }

  function planLook(): void {
    callOffLook ??= clock.after(callsMs, () => {
      callOffLook = null
      void track(lookForSigns())
    })
  }

  async function lookForSigns(): Promise<void> {
    // Trouble with the store is told, and dealt with, at the end of the grace.
    await askHolders().then(heed, () => {})
    if (!stopped && signs.areUnseen()) planLook()
  }

  /** Answers with those who were seen for the first time. */
  function heed(answer: HoldersAnswer): readonly string[] {
    const { heardOf, firstSeen } = signs.heed(answer)
    if (heardOf.length > 0) {
      // Whom another process has needs no grace here: that process awaits its return.
      const living = livingOf(answer.holders)
      const watched = new Set(answer.holders.filter(isWatched).map(idOf))
      for (const workerId of heardOf) if (watched.has(workerId) && !living.has(workerId)) start(workerId)
    }
    return firstSeen
  }

  async function endNow(workerIds: readonly string[]): Promise<void> {
    if (stopped || workerIds.length === 0) return
    for (const workerId of workerIds) absent.endGrace(workerId)
    judging ??= track(judgeAll())
    await judging
  }

  async function judgeAll(): Promise<void> {
    // Those whose graces end meanwhile are dealt with together.
    for (let over = absent.over(); !over.isEmpty && !stopped; over = absent.over()) await judge(over)
    judging = null
  }

  // A store that is away must not save a dead worker's leases: try again until it answers.
  async function judge(over: Over): Promise<void> {
    try {
      const answer = await askWhenTrusted()
      if (answer === null) return startAgain(over.still())
      const living = livingOf(answer.holders)
      const firstSeen = new Set(heed(answer))
      startAgain(over.still().filter((workerId) => firstSeen.has(workerId) && !living.has(workerId)))
      await endLeases(over.still().filter((workerId) => !living.has(workerId)))
      over.still().forEach(end)
      troubles.worked('sessions')
    } catch (error) {
      troubles.failed('sessions', error)
      startAgain(over.still())
    }
  }

  function startAgain(workerIds: readonly string[]): void {
    for (const workerId of workerIds) start(workerId, { delayMs: AGAIN_MS })
  }

  return {
    awaitReturn(workerId, startId = null) {
      if (stopped) return
      signs.expect(workerId, clock.now() + callsMs)
      start(workerId, startId === null ? {} : { left: { startId, held: heldNow(workerId) } })
      planLook()
    },
    isAwaited: absent.isAwaited,
    end,
    look(answer) {
      const { holders, askedAt } = answer
      const living = livingOf(holders)
      for (const { workerId, nodeId, session } of holders) {
        if (nodeId !== null || !session || living.has(workerId)) continue
        if (connections.has(workerId) || absent.has(workerId)) continue
        signs.expect(workerId, askedAt)
        start(workerId)
      }
      heed(answer)
    },
    endNow,
    leftBefore(workerId, startId) {
      const left = absent.leftOf(workerId)
      return startId === undefined || left === null || left.startId === startId ? null : left.held
    },
    stop() {
      stopped = true
      callOffLook?.()
      absent.callOffAll()
    },
  }
}
