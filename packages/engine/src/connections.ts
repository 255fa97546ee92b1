import { type WorkerKey, workerOfKey } from '@taskyard/core'
import type { OpenSession } from './engine.ts'

/** A worker that is connected to this process. */
export interface Connected {
  readonly sessions: ReadonlySet<OpenSession>
  /** Ms since the epoch. */
  readonly since: number
  /** Which start of the worker's program opened a session last; `null`: it did not say. */
  readonly startId: string | null
}

/** The sessions that are open at this process, by the keys of their workers. */
export interface Connections {
  has(worker: WorkerKey): boolean
  of(worker: WorkerKey): Connected | undefined
  workers(): readonly WorkerKey[]
  /** The ids of those of a namespace. */
  idsIn(namespace: string): readonly string[]
  add(worker: WorkerKey, session: OpenSession): void
  /** Answers with the worker as it was connected when this was the last of its sessions; else with `null`. */
  remove(worker: WorkerKey, session: OpenSession): Connected | null
}

/** @param timeOfDay ms since the epoch: what people see as `connectedAt` */
export function createConnections(timeOfDay: () => number): Connections {
  const connected = new Map<WorkerKey, Connected>()
  return {
    has: (worker) => connected.has(worker),
    of: (worker) => connected.get(worker),
    workers: () => [...connected.keys()],
    idsIn(namespace) {
      const workers = [...connected.keys()].map(workerOfKey)
      return workers.filter((worker) => worker.namespace === namespace).map(({ workerId }) => workerId)
    },
    add(worker, session) {
      const { startId = null } = session
      const { sessions = [], since = timeOfDay() } = connected.get(worker) ?? {}
      connected.set(worker, { sessions: new Set([...sessions, session]), since, startId })
    },
    remove(worker, session) {
      const before = connected.get(worker)
      if (!before?.sessions.has(session)) return null
      const sessions = new Set([...before.sessions].filter((other) => other !== session))
      if (sessions.size > 0) connected.set(worker, { ...before, sessions })
      else connected.delete(worker)
      return sessions.size > 0 ? null : before
    },
  }
}
