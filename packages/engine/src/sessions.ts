import type { EndedLease } from '@taskyard/core'
import type { Engine, OpenSession, WorkerView } from './engine.ts'
import type { Parts } from './parts.ts'

interface Worker {
  readonly connections: Set<OpenSession>
  connectedAt: number | null
  cancelGrace: () => void
}

export interface Sessions extends Pick<Engine, 'openSession' | 'workers'> {
  start(): Promise<void>
  stop(): void
}

/**
 * Who is alive. A worker that loses its last connection has a grace to come back in; then its leases end, so that its
 * tasks start elsewhere without waiting for the lease time.
 */
export function createSessions(parts: Parts, onEnded: (ended: readonly EndedLease[]) => void): Sessions {
  const { store, clock, bus, sessionGraceMs, observer } = parts
  const workers = new Map<string, Worker>()
  let stopped = false
  let unsubscribe = () => {}

  function workerOf(workerId: string): Worker {
    let worker = workers.get(workerId)
    if (worker === undefined) {
      worker = { connections: new Set(), connectedAt: null, cancelGrace: () => {} }
      workers.set(workerId, worker)
    }
    return worker
  }

  function startGrace(workerId: string, delayMs: number): void {
    const worker = workerOf(workerId)
    worker.cancelGrace()
    worker.cancelGrace = clock.after(delayMs, () => void endLeases(workerId))
  }

  // A store that is away must not save a dead worker's leases: try again until it answers.
  async function endLeases(workerId: string): Promise<void> {
    if (stopped || workerOf(workerId).connections.size > 0) return
    try {
      onEnded(await store.endLeases({ workerIds: [workerId] }))
      if (workerOf(workerId).connections.size === 0) workers.delete(workerId)
    } catch (error) {
      observer.backgroundError?.('sessions', error)
      startGrace(workerId, 1000)
    }
  }

  return {
    async start() {
      unsubscribe = bus.subscribe((message) => {
        if (message.kind !== 'cancel-requested' || message.workerId === null) return
        for (const connection of workers.get(message.workerId)?.connections ?? []) connection.onCancel(message.taskId)
      })
      for (const { workerId, nodeId, alive, session } of await store.holders()) {
        if (workers.get(workerId)?.connections.size) continue
        if (nodeId !== null && !alive) await endLeases(workerId)
        else if (session) startGrace(workerId, sessionGraceMs)
      }
    },
    stop() {
      stopped = true
      unsubscribe()
      for (const worker of workers.values()) worker.cancelGrace()
    },
    openSession(session) {
      const worker = workerOf(session.workerId)
      worker.cancelGrace()
      worker.connections.add(session)
      worker.connectedAt ??= clock.now()
      return {
        close() {
          if (!worker.connections.delete(session) || worker.connections.size > 0 || stopped) return
          worker.connectedAt = null
          startGrace(session.workerId, sessionGraceMs)
        },
      }
    },
    async workers() {
      const leases = new Map<string, number>()
      const embedded = new Set<string>()
      for (const holder of await store.holders()) {
        leases.set(holder.workerId, (leases.get(holder.workerId) ?? 0) + holder.leases)
        if (holder.nodeId !== null) embedded.add(holder.workerId)
      }
      const ids = [...new Set([...workers.keys(), ...leases.keys()])].sort()
      return ids.map((id) => view(id, workers.get(id), leases.get(id) ?? 0, embedded.has(id)))
    },
  }
}

function view(workerId: string, worker: Worker | undefined, leases: number, holdsEmbedded: boolean): WorkerView {
  const [newest] = [...(worker?.connections ?? [])].reverse()
  return {
    workerId,
    queues: newest?.queues ?? [],
    types: newest?.types ?? null,
    concurrency: newest?.concurrency ?? null,
    connected: newest !== undefined,
    embedded: newest?.embedded ?? holdsEmbedded,
    leases,
    connectedAt: worker?.connectedAt ?? null,
  }
}
