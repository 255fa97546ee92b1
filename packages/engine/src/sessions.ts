import type { EndedLease, LeaseHolder, WorkerRef } from '@taskyard/core'
import { checkSession } from './check-session.ts'
import type { Engine, OpenSession } from './engine.ts'
import { idOf, livingOf } from './lease-holders.ts'
import type { Parts } from './parts.ts'
import { createPresence } from './presence.ts'
import { createSignsOfLife } from './signs-of-life.ts'
import { isUnexpected } from './unexpected.ts'
import { viewWorker } from './worker-view.ts'

/** Where others share the store, how often holders of leases are looked at for dead ones. */
const LOOK_MS = 2000
/** The end of leases that could not be decided or stored is tried again after so long. */
const AGAIN_MS = 1000
/** The calls of a worker that died may go on for so long. */
const CALLS_MS = 1000
/** How often a grace begins anew because this process stood still in it. */
const MOST_EXCUSED = 3

interface Worker {
  readonly connections: Set<OpenSession>
  connectedAt: number | null
  /** Which start of the worker's program was connected last; `null`: it did not say. */
  startId: string | null
  /** Called off when the worker is back; `null`: no grace runs. */
  callOffGrace: (() => void) | null
}

export interface Sessions extends Pick<Engine, 'openSession' | 'workers'> {
  /** The worker was given tasks. One that keeps a session of which no server knows has a grace to open it in. */
  gaveTasks(worker: WorkerRef): void
  start(): Promise<void>
  stop(): Promise<void>
}

/**
 * Who is alive. A worker that loses its last connection has a grace to come back in; then its leases end, so that its
 * tasks start elsewhere without waiting for the lease time. On a store that other processes share, it may come back to
 * any of them, and the processes watch each other: what lived inside a dead one ends as soon as its beats are stale. A
 * worker that goes on extending its leases, or claiming, without a session lives: from each such sign it has another grace.
 */
export function createSessions(
  parts: Parts,
  nodeId: string,
  onEnded: (ended: readonly EndedLease[]) => void,
): Sessions {
  const { store, clock, bus, sessionGraceMs, troubles, standstills } = parts
  const workers = new Map<string, Worker>()
  const presence = parts.shared ? createPresence(parts, nodeId, { connected, onBeat }) : null
  const signs = createSignsOfLife()
  const callsMs = Math.min(CALLS_MS, sessionGraceMs / 5)
  const overdue = new Set<string>()
  let stopped = false
  let unsubscribe = () => {}
  let isEnding = false
  let isLooking = false
  let callOffLook: (() => void) | null = null
  let lookedAt = Number.NEGATIVE_INFINITY

  function workerOf(workerId: string): Worker {
    let worker = workers.get(workerId)
    if (worker === undefined) {
      worker = { connections: new Set(), connectedAt: null, startId: null, callOffGrace: null }
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

  function connected(): readonly string[] {
    return [...workers.keys()].filter(isConnected)
  }

  function startGrace(workerId: string, delayMs: number, excused = 0): void {
    const worker = workerOf(workerId)
    const since = clock.now()
    signs.expect(workerId, since)
    worker.callOffGrace?.()
    worker.callOffGrace = clock.after(delayMs, () => {
      worker.callOffGrace = null
      // The worker may have come back, and this process could not hear it.
      const stoodStill = standstills.lastEnd() > since
      if (stoodStill && excused < MOST_EXCUSED) return startGrace(workerId, sessionGraceMs, excused + 1)
      overdue.add(workerId)
      void parts.underWay.track(endOverdue())
    })
  }

  async function endOverdue(): Promise<void> {
    if (isEnding) return
    isEnding = true
    while (overdue.size > 0 && !stopped) {
      const workerIds = [...overdue].filter((workerId) => !isConnected(workerId))
      overdue.clear()
      await endUnlessAlive(workerIds)
    }
    isEnding = false
  }

  // A store that is away must not save a dead worker's leases: try again until it answers.
  async function endUnlessAlive(workerIds: readonly string[]): Promise<void> {
    try {
      const gone = await goneForGood(workerIds)
      if (gone === null) return again(workerIds)
      await end(gone)
      for (const workerId of workerIds) forget(workerId)
      troubles.worked('sessions')
    } catch (error) {
      troubles.failed('sessions', error)
      again(workerIds)
    }
  }

  /** Those who have not come back, here or to another process; `null` when that cannot be told yet. */
  async function goneForGood(workerIds: readonly string[]): Promise<readonly string[] | null> {
    // Our own beat must not be the one that still names them.
    await presence?.beat()
    if (presence?.isTrusted() === false) return null
    const holders = await store.holders()
    if (presence?.isTrusted() === false) return null
    heed(holders)
    const living = livingOf(holders)
    return workerIds.filter((id) => !living.has(id) && !isConnected(id) && !hasGrace(id))
  }

  function heed(holders: readonly LeaseHolder[]): void {
    const heardOf = signs.since(holders, clock.now())
    if (stopped || heardOf.length === 0) return
    // Whom another process has needs no grace here: that process awaits its return.
    const living = livingOf(holders)
    for (const workerId of heardOf)
      if (!isConnected(workerId) && !living.has(workerId)) startGrace(workerId, sessionGraceMs)
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

  async function end(workerIds: readonly string[]): Promise<void> {
    if (workerIds.length === 0) return
    try {
      onEnded(await store.endLeases({ workerIds }))
    } catch (error) {
      if (workerIds.length === 1 || !isUnexpected(error)) throw error
      // One of them may be to blame, for whom the others' tasks need not wait.
      await endEach(workerIds)
    }
  }

  async function endEach(workerIds: readonly string[]): Promise<void> {
    const failures: unknown[] = []
    for (const workerId of workerIds) await end([workerId]).catch((error) => failures.push(error))
    if (failures.length > 0) throw failures[0]
  }

  function again(workerIds: readonly string[]): void {
    if (stopped) return
    for (const workerId of workerIds) if (!isConnected(workerId)) startGrace(workerId, AGAIN_MS)
  }

  function forget(workerId: string): void {
    if (isConnected(workerId) || hasGrace(workerId)) return
    workers.delete(workerId)
    signs.forget(workerId)
  }

  async function lookForTheDead(): Promise<void> {
    const holders = await store.holders()
    // An answer that took long may be out of date.
    if (!presence?.isTrusted()) return
    const living = livingOf(holders)
    const dead = new Set<string>()
    for (const { workerId, nodeId: node, session } of holders) {
      if (living.has(workerId) || isConnected(workerId)) continue
      if (node !== null) dead.add(workerId)
      else if (session && !hasGrace(workerId)) startGrace(workerId, sessionGraceMs)
    }
    heed(holders)
    await end([...dead])
  }

  function onBeat(): void {
    if (!parts.sweeps || isLooking || !presence?.isTrusted() || clock.now() - lookedAt < LOOK_MS) return
    lookedAt = clock.now()
    isLooking = true
    void parts.underWay
      .track(lookForTheDead())
      .then(
        () => troubles.worked('sessions'),
        (error) => troubles.failed('sessions', error),
      )
      .finally(() => {
        isLooking = false
      })
  }

  /** Another start of a worker whose connection broke: the one before is dead, and need not be waited for. */
  function succeedsTheDead({ workerId, startId }: OpenSession): boolean {
    const before = workers.get(workerId)
    if (startId === undefined || !before?.callOffGrace || before.startId === null) return false
    if (before.startId === startId) return false
    before.callOffGrace()
    before.callOffGrace = null
    signs.forget(workerId)
    return true
  }

  function connect(session: OpenSession): () => void {
    const worker = workerOf(session.workerId)
    const isNew = worker.connections.size === 0
    worker.callOffGrace?.()
    worker.callOffGrace = null
    signs.forget(session.workerId)
    worker.connections.add(session)
    worker.connectedAt ??= clock.now()
    worker.startId = session.startId ?? null
    // The process that it was connected to before may be about to end its leases. Trouble is the next beat's to tell.
    if (isNew) presence?.beat().catch(() => {})
    return () => {
      if (!worker.connections.delete(session) || worker.connections.size > 0 || stopped) return
      worker.connectedAt = null
      awaitReturn(session.workerId)
    }
  }

  function awaitReturn(workerId: string): void {
    // Calls that were under way when the session broke are no signs.
    signs.expect(workerId, clock.now() + callsMs)
    startGrace(workerId, sessionGraceMs)
    planLook()
  }

  /** The only user of a store knows at once that all who hold leases are gone. */
  async function succeedTheDead(): Promise<void> {
    const holders = (await store.holders()).filter(({ workerId }) => !isConnected(workerId))
    await endUnlessAlive([...new Set(holders.filter(({ nodeId: node }) => node !== null).map(idOf))])
    for (const { workerId, nodeId: node, session } of holders) {
      if (node === null && session) startGrace(workerId, sessionGraceMs)
    }
    heed(holders)
  }

  return {
    async start() {
      unsubscribe = bus.subscribe((message) => {
        if (message.kind !== 'cancel-requested' || message.workerId === null) return
        for (const connection of workers.get(message.workerId)?.connections ?? []) connection.onCancel(message.taskId)
      })
      await (presence === null ? succeedTheDead() : presence.start())
    },
    async stop() {
      stopped = true
      unsubscribe()
      callOffLook?.()
      for (const worker of workers.values()) worker.callOffGrace?.()
      await presence?.stop()
    },
    gaveTasks({ workerId, nodeId: node, session }) {
      // Where processes share the store, they look for such workers anyway.
      if (stopped || presence !== null || !session || node !== null || isConnected(workerId) || hasGrace(workerId))
        return
      awaitReturn(workerId)
    },
    openSession(session) {
      checkSession(session)
      if (!succeedsTheDead(session)) return { opened: Promise.resolve(), close: connect(session) }
      let close: (() => void) | null = null
      let isClosed = false
      const opened = parts.underWay.track(endUnlessAlive([session.workerId])).then(() => {
        if (!isClosed) close = connect(session)
      })
      return {
        opened,
        close() {
          isClosed = true
          close?.()
        },
      }
    },
    async workers() {
      const holders = Map.groupBy(await store.holders(), idOf)
      const ids = [...new Set([...workers.keys(), ...holders.keys()])].sort()
      return ids.map((id) => viewWorker(id, workers.get(id), holders.get(id) ?? []))
    },
  }
}
