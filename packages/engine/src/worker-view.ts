import type { LeaseHolder } from '@taskyard/core'
import { assertName, assertNames, invalid, isIntegerIn } from './check-submission.ts'
import type { OpenSession, WorkerView } from './engine.ts'

/** Most tasks at a time that a worker may say it takes. */
const MOST_CONCURRENCY = 1_000_000

// The id goes into the store beside everybody else's, the rest to whoever looks at the workers.
export function checkSession({ workerId, queues, types, concurrency, startId }: OpenSession): void {
  assertName(workerId, '/workerId', 'worker id')
  assertNames(queues ?? [], '/queues', 'queue')
  if (startId !== undefined) assertName(startId, '/startId', 'start id')
  assertNames(types ?? [], '/types', 'type')
  if (concurrency !== undefined && !isIntegerIn(concurrency, 1, MOST_CONCURRENCY)) {
    throw invalid('/concurrency', `a whole number from 1 to ${MOST_CONCURRENCY}`)
  }
}

/** What a worker does is known to the process that it is connected to; of the others' workers, the leases are. */
export function viewWorker(
  workerId: string,
  worker: { readonly connections: ReadonlySet<OpenSession>; readonly connectedAt: number | null } | undefined,
  holders: readonly LeaseHolder[],
): WorkerView {
  const [newest] = [...(worker?.connections ?? [])].reverse()
  return {
    workerId,
    queues: newest?.queues ?? [],
    types: newest?.types ?? null,
    concurrency: newest?.concurrency ?? null,
    connected: newest !== undefined || holders.some(({ alive, session }) => alive && session),
    embedded: newest?.embedded ?? holders.some(({ nodeId }) => nodeId !== null),
    leases: holders.reduce((sum, { leases }) => sum + leases, 0),
    connectedAt: worker?.connectedAt ?? null,
  }
}

export function livingOf(holders: readonly LeaseHolder[]): ReadonlySet<string> {
  return new Set(holders.filter(({ alive }) => alive).map(idOf))
}

export function idOf({ workerId }: LeaseHolder): string {
  return workerId
}
