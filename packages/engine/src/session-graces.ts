import { isWatched } from '@taskyard/core'
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

/** Which start of its worker's program was connected last, and what it held when its connection broke; `null`: the store did not say. */
interface Left {
  readonly startId: string
  readonly held: Promise<Held | null>
}

/** A worker without a session. Once its grace is over, it stays so until its leases have ended, it is back, or it shows a sign of life. */
type Absent =
  | { readonly kind: 'awaited'; readonly left: Left | null; callOff(): void }
  | { readonly kind: 'over'; readonly left: Left | null }

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
  const absent = new Map<string, Absent>()
  const signs = createSignsOfLife()
  const heldNow = createHeldNow(parts)
  const callsMs = Math.min(CALLS_MS, sessionGraceMs / 5)
  let stopped = false
  let callOffLook: (() => void) | null = null
  let judging: Promise<void> | null = null

  function isAwaited(workerId: string): boolean {
    return absent.get(workerId)?.kind === 'awaited'
  }

  function callOff(workerId: string): void {
    const worker = absent.get(workerId)
    if (worker?.kind === 'awaited') worker.callOff()
  }

  function end(workerId: string): void {
    callOff(workerId)
    absent.delete(workerId)
    signs.forget(workerId)
  }

  /** The worker has so long from now, whatever time it had before. */
  function start(workerId: string, delayMs = sessionGraceMs, left = leftOf(workerId), excused = 0): void {
    if (stopped) return
    const since = clock.now()
    callOff(workerId)
    const callOffEnd = clock.after(delayMs, () => {
      // The worker may have come back, and this process could not hear it.
      const stoodStill = standstills.lastEnd() > since
      if (stoodStill && excused < MOST_EXCUSED) start(workerId, sessionGraceMs, left, excused + 1)
      else void endNow([workerId])
    })
    absent.set(workerId, { kind: 'awaited', left, callOff: callOffEnd })
  }

  function leftOf(workerId: string): Left | null {
    return absent.get(workerId)?.left ?? null
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
    for (const workerId of workerIds) {
      callOff(workerId)
      absent.set(workerId, { kind: 'over', left: leftOf(workerId) })
    }
    judging ??= track(judgeAll())
    await judging
  }

  async function judgeAll(): Promise<void> {
    // Those whose graces end meanwhile are dealt with together.
    for (let over = whoseGraceIsOver(); over.size > 0 && !stopped; over = whoseGraceIsOver()) await judge(over)
    judging = null
  }

  function whoseGraceIsOver(): ReadonlyMap<string, Absent> {
    return new Map([...absent].filter(([, { kind }]) => kind === 'over'))
  }

  // A store that is away must not save a dead worker's leases: try again until it answers.
  async function judge(over: ReadonlyMap<string, Absent>): Promise<void> {
    // Whoever came back meanwhile, or was heard of, has nothing to do with it any more.
    const stillOver = () => [...over.keys()].filter((workerId) => absent.get(workerId) === over.get(workerId))
    try {
      const answer = await askWhenTrusted()
      if (answer === null) return startAgain(stillOver())
      const living = livingOf(answer.holders)
      const firstSeen = new Set(heed(answer))
      startAgain(stillOver().filter((workerId) => firstSeen.has(workerId) && !living.has(workerId)))
      await endLeases(stillOver().filter((workerId) => !living.has(workerId)))
      stillOver().forEach(end)
      troubles.worked('sessions')
    } catch (error) {
      troubles.failed('sessions', error)
      startAgain(stillOver())
    }
  }

  function startAgain(workerIds: readonly string[]): void {
    for (const workerId of workerIds) start(workerId, AGAIN_MS)
  }

  return {
    awaitReturn(workerId, startId = null) {
      if (stopped) return
      signs.expect(workerId, clock.now() + callsMs)
      start(workerId, sessionGraceMs, startId === null ? leftOf(workerId) : { startId, held: heldNow(workerId) })
      planLook()
    },
    isAwaited,
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
      const left = leftOf(workerId)
      return startId === undefined || left === null || left.startId === startId ? null : left.held
    },
    stop() {
      stopped = true
      callOffLook?.()
      for (const workerId of absent.keys()) callOff(workerId)
    },
  }
}
