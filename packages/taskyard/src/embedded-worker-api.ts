import {
  type ClaimRequest,
  type LeaseStatus,
  outcomeAnswers,
  type ThreadAccess,
  toLeasedTaskDocument,
  type WorkerApi,
  workerKey,
} from '@taskyard/core'
import { threadModule } from '@taskyard/core/threads'
import type { Claim, Engine } from '@taskyard/engine'
import type { EmbeddedExtenderData } from './embedded-lease-extender.ts'

export interface EmbeddedStoreAccess {
  threadAccess(): ThreadAccess
  /** Other processes use the store too, and judge whether the worker lives. */
  readonly shared: boolean
}

/** What one worker in the server's own process works on in a namespace: the engine, without HTTP in between. */
export function createEmbeddedWorkerApi(
  engine: Engine,
  namespace: string,
  { threadAccess, shared }: EmbeddedStoreAccess,
): WorkerApi {
  const calls = engine.in(namespace)
  let workerId: string | null = null
  /** A beat replaces the one before of its node: each worker has a node of its own. */
  const beatsOf = (id: string | null) =>
    id === null ? null : { nodeId: `${engine.nodeId}/${workerKey({ namespace, workerId: id })}`, workerId: id }
  return {
    threadAccess() {
      const { module, data, transfer } = threadAccess()
      const extender: EmbeddedExtenderData = { module, data, namespace, beats: shared ? beatsOf(workerId) : null }
      return {
        module: threadModule(import.meta.url, 'taskyard/embedded-lease-extender').href,
        data: extender,
        transfer,
      }
    },
    heartbeatRefused(leases) {
      // The thread's heartbeats go to the store alone; the engine makes of these what it makes of any.
      calls.heartbeat(leases).catch(() => {})
    },
    async claim(request, signal) {
      const tasks = await calls.claim(toClaim(engine.nodeId, request), request.waitSeconds ?? 0, signal)
      return tasks.map(toLeasedTaskDocument)
    },
    async settle({ outcomes, claim }) {
      const next = claim === undefined ? undefined : toClaim(engine.nodeId, claim)
      const { results, tasks } = await calls.settle(outcomes, next)
      return { results: outcomeAnswers(outcomes, results), tasks: tasks.map(toLeasedTaskDocument) }
    },
    async record(entries) {
      return withTaskIds(entries, await calls.record(entries))
    },
    declareTypes: (types) => calls.declareTypes(types),
    openSession(worker, onCancel) {
      workerId = worker.workerId
      const session = calls.openSession({ ...worker, embedded: true, onCancel })
      return { opened: session.opened, close: async () => session.close() }
    },
  }
}

function toClaim(nodeId: string, { workerId, waitSeconds: _, ...claim }: ClaimRequest): Claim {
  return { ...claim, worker: { workerId, nodeId, session: true } }
}

function withTaskIds(leases: readonly { readonly taskId: string }[], statuses: readonly LeaseStatus[]) {
  return statuses.map((status, index) => ({ taskId: (leases[index] as { taskId: string }).taskId, status }))
}
