import type { EndedLease, LeaseHolder, WorkerRef } from '@taskyard/core'
import { checkSession } from './check-session.ts'
import { createConnections } from './connections.ts'
import { createEndLeases } from './end-leases.ts'
import { createEndLeftLeases } from './end-left-leases.ts'
import type { Engine, OpenSession } from './engine.ts'
import { createAskHolders, createAskWhenTrusted, idOf, livingOf } from './lease-holders.ts'
import type { Parts } from './parts.ts'
import { createPresence } from './presence.ts'
import { createSessionGraces } from './session-graces.ts'
import { viewWorker } from './worker-view.ts'

/** Where others share the store, how often holders of leases are looked at for dead ones. */
const LOOK_MS = 2000

export interface Sessions extends Pick<Engine, 'openSession' | 'workers'> {
  /** The worker was given tasks. One that keeps a session of which no server knows has a grace to open it in. */
  gaveTasks(worker: WorkerRef): void
  start(): Promise<void>
  stop(): Promise<void>
}

/**
 * Who is alive. A worker that loses its last connection has a grace to come back in; then its leases end, so that its
 * tasks start elsewhere without waiting for the lease time. On a store that other processes share, it may come back to
 * any of them, and the processes watch each other: what lived inside a dead one ends as soon as its beats are stale.
 */
export function createSessions(
  parts: Parts,
  nodeId: string,
  onEnded: (ended: readonly EndedLease[]) => void,
): Sessions {
  const { store, clock, news, troubles } = parts
  const connections = createConnections(parts.timeOfDay)
  const presence = parts.shared ? createPresence(parts, nodeId, connections.workerIds) : null
  const askHolders = createAskHolders(store.presence, clock)
  const endLeases = createEndLeases(store.presence, onEnded)
  const askWhenTrusted = createAskWhenTrusted(askHolders, presence)
  const endLeftLeases = createEndLeftLeases(parts, connections, askWhenTrusted, endLeases)
  const graces = createSessionGraces(parts, { connections, askHolders, askWhenTrusted, endLeases })
  let unsubscribe = () => {}
  let isLooking = false
  let lookedAt = Number.NEGATIVE_INFINITY

  async function lookForTheDead(): Promise<void> {
    const answer = await askHolders()
    // An answer that took long may be out of date.
    if (!presence?.isTrusted()) return
    graces.look(answer)
    await endLeases(deadWithTheirProcess(answer.holders))
  }

  /** The only user of a store knows at once that all who hold leases are gone. */
  async function succeedTheDead(): Promise<void> {
    const answer = await askHolders()
    graces.look(answer)
    await graces.endNow(deadWithTheirProcess(answer.holders))
  }

  function deadWithTheirProcess(holders: readonly LeaseHolder[]): readonly string[] {
    const living = livingOf(holders)
    const dead = holders.filter(({ workerId, nodeId: node }) => node !== null && !living.has(workerId))
    return [...new Set(dead.map(idOf))].filter((workerId) => !connections.has(workerId))
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

  function connect(session: OpenSession): () => void {
    const { workerId } = session
    const isNew = !connections.has(workerId)
    connections.add(session)
    graces.end(workerId)
    // The process that it was connected to before may be about to end its leases. Trouble is the next beat's to tell.
    if (isNew) presence?.beat().catch(() => {})
    return () => {
      const lost = connections.remove(session)
      if (lost !== null) graces.awaitReturn(workerId, lost.startId)
    }
  }

  return {
    async start() {
      unsubscribe = news.subscribe((message) => {
        if (message.kind !== 'cancel-requested' || message.workerId === null) return
        for (const session of connections.of(message.workerId)?.sessions ?? []) session.onCancel(message.taskId)
      })
      await (presence === null ? succeedTheDead() : presence.start(onBeat))
    },
    async stop() {
      unsubscribe()
      graces.stop()
      await presence?.stop()
    },
    gaveTasks({ workerId, nodeId: node, session }) {
      // Where processes share the store, they look for such workers anyway.
      if (presence !== null || !session || node !== null) return
      if (!connections.has(workerId) && !graces.isAwaited(workerId)) graces.awaitReturn(workerId)
    },
    openSession(session) {
      checkSession(session)
      const { workerId, startId } = session
      const left = graces.leftBefore(workerId, startId)
      if (left === null) return { opened: Promise.resolve(), close: connect(session) }
      let close: (() => void) | null = null
      let isClosed = false
      const opened = endLeftLeases(workerId, left).then(() => {
        if (!isClosed) close = connect(session)
      })
      return {
        opened,
        close() {
          if (!isClosed && close === null) graces.awaitReturn(workerId)
          isClosed = true
          close?.()
        },
      }
    },
    async workers() {
      const holders = Map.groupBy(await store.presence.holders(), idOf)
      const ids = [...new Set([...connections.workerIds(), ...holders.keys()])].sort()
      return ids.map((id) => viewWorker(id, connections.of(id), holders.get(id) ?? []))
    },
  }
}
