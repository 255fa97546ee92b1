import type { EndedLease, WorkerRef } from '@taskyard/core'
import { checkSession } from './check-session.ts'
import type { Engine, OpenSession } from './engine.ts'
import type { Held } from './held-leases.ts'
import { createLeaseEndings } from './lease-endings.ts'
import { idOf, livingOf } from './lease-holders.ts'
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
  const { store, clock, bus, troubles } = parts
  const graces = createSessionGraces(parts, (workerId) => endings.graceIsOver(workerId))
  const presence = parts.shared ? createPresence(parts, nodeId, { connected: graces.connected, onBeat }) : null
  const endings = createLeaseEndings(parts, graces, presence, onEnded)
  let unsubscribe = () => {}
  let isLooking = false
  let lookedAt = Number.NEGATIVE_INFINITY

  async function lookForTheDead(): Promise<void> {
    const holders = await store.holders()
    // An answer that took long may be out of date.
    if (!presence?.isTrusted()) return
    const living = livingOf(holders)
    const dead = new Set<string>()
    for (const { workerId, nodeId: node, session } of holders) {
      if (living.has(workerId) || graces.isConnected(workerId)) continue
      if (node !== null) dead.add(workerId)
      else if (session && !graces.hasGrace(workerId)) graces.start(workerId)
    }
    graces.heed(holders)
    await endings.end([...dead])
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
    const isNew = !graces.isConnected(session.workerId)
    const close = graces.connect(session)
    // The process that it was connected to before may be about to end its leases. Trouble is the next beat's to tell.
    if (isNew) presence?.beat().catch(() => {})
    return close
  }

  async function endWhatIsLeft(workerId: string, left: Promise<Held | null>): Promise<void> {
    const held = await left
    if (held !== null && held.leases > 0) await endings.endLeft(workerId, held)
  }

  /** The only user of a store knows at once that all who hold leases are gone. */
  async function succeedTheDead(): Promise<void> {
    const holders = (await store.holders()).filter(({ workerId }) => !graces.isConnected(workerId))
    await endings.endUnlessAlive([...new Set(holders.filter(({ nodeId: node }) => node !== null).map(idOf))])
    for (const { workerId, nodeId: node, session } of holders) {
      if (node === null && session) graces.start(workerId)
    }
    graces.heed(holders)
  }

  return {
    async start() {
      unsubscribe = bus.subscribe((message) => {
        if (message.kind !== 'cancel-requested' || message.workerId === null) return
        const connections = graces.known().get(message.workerId)?.connections ?? []
        for (const connection of connections) connection.onCancel(message.taskId)
      })
      await (presence === null ? succeedTheDead() : presence.start())
    },
    async stop() {
      unsubscribe()
      graces.stop()
      endings.stop()
      await presence?.stop()
    },
    gaveTasks({ workerId, nodeId: node, session }) {
      // Where processes share the store, they look for such workers anyway.
      if (presence !== null || !session || node !== null) return
      if (!graces.isConnected(workerId) && !graces.hasGrace(workerId)) graces.awaitReturn(workerId)
    },
    openSession(session) {
      checkSession(session)
      const left = graces.leftByTheDead(session)
      if (left === null) return { opened: Promise.resolve(), close: connect(session) }
      let close: (() => void) | null = null
      let isClosed = false
      const opened = parts.underWay.track(endWhatIsLeft(session.workerId, left)).then(() => {
        if (!isClosed) close = connect(session)
      })
      return {
        opened,
        close() {
          if (!isClosed && close === null) graces.awaitReturn(session.workerId)
          isClosed = true
          close?.()
        },
      }
    },
    async workers() {
      const holders = Map.groupBy(await store.holders(), idOf)
      const known = graces.known()
      const ids = [...new Set([...known.keys(), ...holders.keys()])].sort()
      return ids.map((id) => viewWorker(id, known.get(id), holders.get(id) ?? []))
    },
  }
}
