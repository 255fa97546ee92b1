import { type EndedLease, type WorkerKey, type WorkerRef, workerKey, workerOfKey } from '@taskyard/core'
import { checkSession } from './check-session.ts'
import { type ClaimersHere, createClaimersHere } from './claimers-here.ts'
import { type Connections, createConnections } from './connections.ts'
import { createDeadWorkersLoop, type DeadWorkersParams, endOrphanedLeasesAtStart } from './dead-workers.ts'
import { createEndLeases } from './end-leases.ts'
import { createEndLeasesOfDeadStart, type EndLeasesOfDeadStart } from './end-leases-of-dead-start.ts'
import type { OpenSession, UseCases, WorkerConnection } from './engine.ts'
import type { EngineContext } from './engine-context.ts'
import type { InNamespace } from './in-namespace.ts'
import { type AskKnownWorkers, createKnownWorkers, type KnownWorker } from './known-workers.ts'
import { createAskHolders, createAskWhenTrusted } from './lease-holders.ts'
import type { Loop } from './loop.ts'
import { once } from './once.ts'
import { createPresence, type Presence } from './presence.ts'
import { createSessionGraces, type SessionGraces } from './session-graces.ts'
import type { WorkersRequest } from './views.ts'
import { workerPage } from './worker-page.ts'
import { viewWorker } from './worker-view.ts'

export interface Sessions {
  readonly inNamespace: InNamespace<Pick<UseCases, 'openSession' | 'workers'>>
  /** The worker was given tasks. One that keeps a session of which no server knows has a grace to open it in. */
  leasesGiven(namespace: string, worker: WorkerRef): void
  /** A worker claims; what is returned says that its call has ended. */
  readonly claimBegins: ClaimersHere['claimBegins']
  readonly askKnownWorkers: AskKnownWorkers
  /** At this process, of all namespaces. */
  readonly connectedWorkers: () => number
  start(): Promise<void>
  stop(): Promise<void>
}

/**
 * Who is alive. A worker that loses its last connection has a grace to come back in; then its leases end, so that its
 * tasks start elsewhere without waiting for the lease time. On a store that other processes share, it may come back to
 * any of them, and the processes watch each other: what lived inside a dead one ends as soon as its beats are stale.
 */
export function createSessions(
  context: EngineContext,
  nodeId: string,
  onEnded: (ended: readonly EndedLease[]) => void,
): Sessions {
  return new WorkerSessions(context, nodeId, onEnded)
}

class WorkerSessions implements Sessions {
  readonly #context: EngineContext
  readonly #connections: Connections
  readonly #claimersHere: ClaimersHere
  readonly claimBegins: ClaimersHere['claimBegins']
  readonly askKnownWorkers: AskKnownWorkers
  readonly #presence: Presence | null
  readonly #endLeasesOfDeadStart: EndLeasesOfDeadStart
  readonly #graces: SessionGraces
  readonly #deadWorkersParams: DeadWorkersParams
  readonly #deadWorkers: Loop | null
  #unsubscribe = () => {}

  constructor(context: EngineContext, nodeId: string, onEnded: (ended: readonly EndedLease[]) => void) {
    const { store, clock } = context
    const connections = createConnections(context.timeOfDay)
    const claimersHere = createClaimersHere(context, connections)
    const connectedWorkers = () => connections.workers().map(workerOfKey)
    const presence = context.shared
      ? createPresence(context, { nodeId, connectedWorkers, claimers: claimersHere.told })
      : null
    const askHolders = createAskHolders(store.presence, clock)
    const endLeases = createEndLeases(store.presence, onEnded)
    const askWhenTrusted = createAskWhenTrusted(askHolders, presence)
    this.#context = context
    this.#connections = connections
    this.#claimersHere = claimersHere
    this.claimBegins = claimersHere.claimBegins
    this.askKnownWorkers = createKnownWorkers(context, { nodeId, connections, claimersHere })
    this.#presence = presence
    this.#endLeasesOfDeadStart = createEndLeasesOfDeadStart(context, connections, askWhenTrusted, endLeases)
    this.#graces = createSessionGraces(context, { connections, claimersHere, askHolders, askWhenTrusted, endLeases })
    this.#deadWorkersParams = { connections, askHolders, endLeases, graces: this.#graces }
    this.#deadWorkers =
      presence !== null && context.sweeps ? createDeadWorkersLoop(context, presence, this.#deadWorkersParams) : null
  }

  async start(): Promise<void> {
    this.#unsubscribe = this.#context.news.subscribe({ of: 'cancel-requests' }, (message) => {
      if (message.kind !== 'cancel-requested') return
      for (const session of this.#connections.of(workerKey(message))?.sessions ?? []) session.onCancel(message.taskId)
    })
    await (this.#presence === null ? endOrphanedLeasesAtStart(this.#deadWorkersParams) : this.#presence.start())
    this.#deadWorkers?.start()
  }

  async stop(): Promise<void> {
    this.#unsubscribe()
    void this.#context.pendingCalls.track(Promise.all([this.#graces.stop(), this.#deadWorkers?.stop()]))
    await this.#presence?.stop()
  }

  readonly connectedWorkers = () => this.#connections.workers().length

  readonly inNamespace = (namespace: string) => ({
    openSession: (session: OpenSession) => this.#openSession(namespace, session),
    workers: async (request: WorkersRequest = {}) => {
      const { workers, nextCursor } = workerPage((await this.askKnownWorkers(namespace)).workers, request)
      const now = this.#context.timeOfDay()
      const connectedOf = ({ workerId }: KnownWorker) => this.#connections.of(workerKey({ namespace, workerId }))
      return { workers: workers.map((worker) => viewWorker(worker, connectedOf(worker), now)), nextCursor }
    },
  })

  leasesGiven(namespace: string, { workerId, nodeId, session }: WorkerRef): void {
    // Where processes share the store, they look for such workers anyway.
    if (this.#presence !== null || !session || nodeId !== null) return
    const worker = workerKey({ namespace, workerId })
    if (!this.#connections.has(worker) && !this.#graces.isAwaited(worker)) this.#graces.awaitReturn(worker)
  }

  #openSession(namespace: string, session: OpenSession): WorkerConnection {
    checkSession(session)
    const worker = workerKey({ namespace, workerId: session.workerId })
    const left = this.#graces.heldByDeadStart(worker, session.startId)
    if (left === null) return { opened: Promise.resolve(), ...this.#endings(worker, this.#connect(worker, session)) }
    let end: (() => void) | null = null
    let isOver = false
    const opened = this.#endLeasesOfDeadStart(worker, left).then(() => {
      if (!isOver) end = this.#connect(worker, session)
    })
    const endOrAwait = () => {
      isOver = true
      if (end === null) this.#graces.awaitReturn(worker)
      else end()
    }
    return { opened, ...this.#endings(worker, endOrAwait) }
  }

  #endings(worker: WorkerKey, end: () => void): Pick<WorkerConnection, 'lost' | 'close'> {
    const lost = once(end)
    const close = once(() => {
      lost()
      this.#claimersHere.forget(worker)
    })
    return { lost, close }
  }

  #connect(worker: WorkerKey, session: OpenSession): () => void {
    const isNew = !this.#connections.has(worker)
    this.#connections.add(worker, session)
    const sessionEnded = this.#claimersHere.sessionBegins(workerOfKey(worker).namespace, session)
    this.#graces.end(worker)
    // The process that it was connected to before may be about to end its leases. A beat that fails is reported by the next one.
    if (isNew) this.#presence?.beat().catch(() => {})
    return () => {
      const lost = this.#connections.remove(worker, session)
      sessionEnded()
      if (lost !== null) this.#graces.awaitReturn(worker, lost.startId)
    }
  }
}
