import {
  type ClaimRequest,
  type LeaseStatus,
  type TaskOutcome,
  type ThreadAccess,
  toJsonText,
  toLeasedTaskDocument,
  type WorkerApi,
} from '@taskyard/core'
import type { Claim, Engine, Outcome } from '@taskyard/engine'

/** What a worker in the server's own process works on: the engine, without HTTP in between. */
export function createEmbeddedWorkerApi(engine: Engine, threadAccess: () => ThreadAccess): WorkerApi {
  return {
    threadAccess,
    async claim(request, signal) {
      const tasks = await engine.claim(toClaim(engine.nodeId, request), request.waitSeconds ?? 0, signal)
      return tasks.map(toLeasedTaskDocument)
    },
    async settle({ outcomes, claim }) {
      const next = claim === undefined ? undefined : toClaim(engine.nodeId, claim)
      const settled = await engine.settle(outcomes.map(toOutcome), next)
      return { results: withTaskIds(outcomes, settled.results), tasks: settled.tasks.map(toLeasedTaskDocument) }
    },
    async record(entries) {
      const recorded = entries.map(({ progress, ...entry }) =>
        progress === undefined ? entry : { ...entry, progress: toJsonText(progress) },
      )
      return withTaskIds(entries, await engine.record(recorded))
    },
    openSession(worker, onCancel) {
      const session = engine.openSession({ ...worker, embedded: true, onCancel })
      return { opened: Promise.resolve(), close: async () => session.close() }
    },
  }
}

function toClaim(nodeId: string, { workerId, queues, types, limit, leaseSeconds }: Omit<ClaimRequest, 'waitSeconds'>) {
  const claim: Claim = { worker: { workerId, nodeId, session: true }, queues, limit }
  return {
    ...claim,
    ...(types === undefined ? {} : { types }),
    ...(leaseSeconds === undefined ? {} : { leaseSeconds }),
  }
}

function toOutcome(outcome: TaskOutcome): Outcome {
  if (outcome.outcome !== 'succeeded') {
    const { result: _, ...withoutResult } = outcome
    return withoutResult
  }
  const { taskId, token, result } = outcome
  return { taskId, token, outcome: 'succeeded', result: toJsonText(result) }
}

function withTaskIds(leases: readonly { readonly taskId: string }[], statuses: readonly LeaseStatus[]) {
  return statuses.map((status, index) => ({ taskId: (leases[index] as { taskId: string }).taskId, status }))
}
