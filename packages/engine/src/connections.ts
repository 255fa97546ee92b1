import type { OpenSession } from './engine.ts'

/** A worker that is connected to this process. */
export interface Connected {
  readonly sessions: ReadonlySet<OpenSession>
  /** Ms since the epoch. */
  readonly since: number
  /** Which start of the worker's program opened a session last; `null`: it did not say. */
  readonly startId: string | null
}

/** The sessions that are open at this process. */
export interface Connections {
  has(workerId: string): boolean
  of(workerId: string): Connected | undefined
  workerIds(): readonly string[]
  add(session: OpenSession): void
  /** Answers with the worker as it was connected when this was the last of its sessions; else with `null`. */
  remove(session: OpenSession): Connected | null
}

export function createConnections(timeOfDay: () => number): Connections {
  const connected = new Map<string, Connected>()
  return {
    has: (workerId) => connected.has(workerId),
    of: (workerId) => connected.get(workerId),
    workerIds: () => [...connected.keys()],
    add(session) {
      const { workerId, startId = null } = session
      const { sessions = [], since = timeOfDay() } = connected.get(workerId) ?? {}
      connected.set(workerId, { sessions: new Set([...sessions, session]), since, startId })
    },
    remove(session) {
      const worker = connected.get(session.workerId)
      if (!worker?.sessions.has(session)) return null
      const sessions = new Set([...worker.sessions].filter((other) => other !== session))
      if (sessions.size > 0) connected.set(session.workerId, { ...worker, sessions })
      else connected.delete(session.workerId)
      return sessions.size > 0 ? null : worker
    },
  }
}
