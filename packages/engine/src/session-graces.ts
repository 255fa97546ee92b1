import { isWatched, type LeaseHolder } from '@taskyard/core'
import type { OpenSession } from './engine.ts'
import { createHeldNow, type Held } from './held-leases.ts'
import { idOf, livingOf } from './lease-holders.ts'
import type { Parts } from './parts.ts'
import { createSignsOfLife } from './signs-of-life.ts'

/** The calls of a worker that died may go on for so long. */
const CALLS_MS = 1000
/** How often a grace begins anew because this process stood still in it. */
const MOST_EXCUSED = 3

interface Worker {
  readonly connections: Set<OpenSession>
  connectedAt: number | null
  /** Which start of the worker's program was connected last; `null`: it did not say. */
  startId: string | null
  /** What that start held when its connection broke. */
  left: Promise<Held | null> | null
  /** Called off when the worker is back; `null`: no grace runs. */
  callOffGrace: (() => void) | null
}

/** As others see it. */
export type KnownWorker = Pick<Readonly<Worker>, 'connectedAt'> & { readonly connections: ReadonlySet<OpenSession> }

/**
 * Which workers are connected to this process, and the graces in which others may come back. One that goes on extending its
 * leases, or claiming, without a session lives: from each such sign it has another grace.
 */
export interface SessionGraces {
  isConnected(workerId: string): boolean
  hasGrace(workerId: string): boolean
  connected(): readonly string[]
  /** Everyone who is connected, has a grace, or whose leases are to end. */
  known(): ReadonlyMap<string, KnownWorker>
  /** Ends the worker's grace; it has another when its last connection is closed by what this returns. */
  connect(session: OpenSession): () => void
  /**
   * Another start of a worker whose connection broke: the one before is dead, and its grace ends. Resolves with what it held when
   * its connection broke, with `null` when the store did not say. `null`: it is no other start.
   */
  leftByTheDead(session: OpenSession): Promise<Held | null> | null
  /** The worker has so long from now, whatever time it had before. Default: the grace of sessions. */
  start(workerId: string, delayMs?: number): void
  /** The worker has no session now: it has a grace, and calls of it that are under way are no signs of life. */
  awaitReturn(workerId: string): void
  /** Looks for signs of life in what the store says now. */
  heed(holders: readonly LeaseHolder[]): void
  /** Its leases have ended, or it lives elsewhere. */
  forget(workerId: string): void
  /** Ends every grace; none begins any more. */
  stop(): void
}

/** `onOver` is told of each worker whose grace has ended. */
export function createSessionGraces(parts: Parts, onOver: (workerId: string) => void): SessionGraces {
  const { store, clock, sessionGraceMs, standstills } = parts
  const workers = new Map<string, Worker>()
  const signs = createSignsOfLife()
  const heldNow = createHeldNow(parts)
  const callsMs = Math.min(CALLS_MS, sessionGraceMs / 5)
  let stopped = false
  let callOffLook: (() => void) | null = null

  function workerOf(workerId: string): Worker {
    let worker = workers.get(workerId)
    if (worker === undefined) {
      worker = { connections: new Set(), connectedAt: null, startId: null, left: null, callOffGrace: null }
      workers.set(workerId, worker)
    }
    return worker
  }

  function isConnected(workerId: string): boolean {
    return (workers.get(workerId)?.connections.size ?? 0) > 0
  }

  function hasGrace(workerId: string): boolean {
    return Boolean(workers.get(workerId)?.callOffGrace)
  }

  function start(workerId: string, delayMs = sessionGraceMs, excused = 0): void {
    if (stopped) return
    const worker = workerOf(workerId)
    const since = clock.now()
    signs.expect(workerId, since)
    worker.callOffGrace?.()
    worker.callOffGrace = clock.after(delayMs, () => {
      worker.callOffGrace = null
      // The worker may have come back, and this process could not hear it.
      const stoodStill = standstills.lastEnd() > since
      if (stoodStill && excused < MOST_EXCUSED) start(workerId, sessionGraceMs, excused + 1)
      else onOver(workerId)
    })
  }

  function endGrace(workerId: string, worker: Worker): void {
    worker.callOffGrace?.()
    worker.callOffGrace = null
    signs.forget(workerId)
  }

  function awaitReturn(workerId: string): void {
    if (stopped) return
    signs.expect(workerId, clock.now() + callsMs)
    start(workerId)
    planLook()
  }

  function planLook(): void {
    callOffLook ??= clock.after(callsMs, () => {
      callOffLook = null
      void parts.underWay.track(look())
    })
  }

  async function look(): Promise<void> {
    // Trouble with the store is told, and dealt with, at the end of the grace.
    await store.holders().then(heed, () => {})
    if (!stopped && signs.areUnseen()) planLook()
  }

  function heed(holders: readonly LeaseHolder[]): void {
    const heardOf = signs.since(holders, clock.now())
    if (heardOf.length === 0) return
    // Whom another process has needs no grace here: that process awaits its return.
    const living = livingOf(holders)
    const watched = new Set(holders.filter(isWatched).map(idOf))
    for (const workerId of heardOf) {
      if (watched.has(workerId) && !isConnected(workerId) && !living.has(workerId)) start(workerId)
    }
  }

  return {
    isConnected,
    hasGrace,
    connected: () => [...workers.keys()].filter(isConnected),
    known: () => workers,
    start: (workerId, delayMs) => start(workerId, delayMs),
    awaitReturn,
    heed,
    connect(session) {
      const { workerId, startId = null } = session
      const worker = workerOf(workerId)
      endGrace(workerId, worker)
      worker.connections.add(session)
      worker.connectedAt ??= clock.now()
      worker.startId = startId
      return () => {
        if (!worker.connections.delete(session) || worker.connections.size > 0) return
        worker.connectedAt = null
        if (stopped) return
        worker.left = worker.startId === null ? null : heldNow(workerId)
        awaitReturn(workerId)
      }
    },
    leftByTheDead({ workerId, startId }) {
      const before = workers.get(workerId)
      if (startId === undefined || !before?.callOffGrace || before.startId === startId) return null
      if (before.left !== null) endGrace(workerId, before)
      return before.left
    },
    forget(workerId) {
      if (isConnected(workerId) || hasGrace(workerId)) return
      workers.delete(workerId)
      signs.forget(workerId)
    },
    stop() {
      stopped = true
      callOffLook?.()
      for (const worker of workers.values()) worker.callOffGrace?.()
    },
  }
}
