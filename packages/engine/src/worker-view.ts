import { isWatched, type LeaseHolder } from '@taskyard/core'
import type { Connected } from './connections.ts'
import type { WorkerView } from './views.ts'

/** What a worker does is known to the process that it is connected to; of the others' workers, the leases are. */
export function viewWorker(
  workerId: string,
  worker: Connected | undefined,
  holders: readonly LeaseHolder[],
): WorkerView {
  const [newest] = [...(worker?.sessions ?? [])].reverse()
  return {
    workerId,
    queues: newest?.queues ?? [],
    types: newest?.types ?? null,
    concurrency: newest?.concurrency ?? null,
    connected: newest !== undefined || holders.some(({ alive, session }) => alive && session),
    watched: newest !== undefined || holders.every(isWatched),
    embedded: newest?.embedded ?? holders.some(({ nodeId }) => nodeId !== null),
    leases: holders.reduce((sum, { leases }) => sum + leases, 0),
    connectedAt: worker?.since ?? null,
  }
}
