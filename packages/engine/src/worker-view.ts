import { EVERY_QUEUE } from '@taskyard/core'
import type { Connected } from './connections.ts'
import type { KnownWorker } from './known-workers.ts'
import type { WorkerView } from './views.ts'

/**
 * A worker as people see it: what it says in a session with this process, or else what it asks for.
 * @param now ms since the epoch
 */
export function viewWorker(worker: KnownWorker, connected: Connected | undefined, now: number): WorkerView {
  const { workerId, seenAgoMs, leases, watched } = worker
  const newest = [...(connected?.sessions ?? [])].at(-1)
  return {
    workerId,
    queues: newest?.queues ?? queuesOf(worker),
    types: newest?.types ?? typesOf(worker),
    concurrency: newest?.concurrency ?? worker.concurrency,
    connected: worker.connected,
    watched,
    embedded: newest?.embedded ?? worker.embedded,
    leases,
    connectedAt: connected?.since ?? null,
    seenAt: seenAgoMs === null ? null : now - seenAgoMs,
  }
}

function queuesOf({ scopes }: KnownWorker): readonly string[] {
  return [...new Set(scopes.flatMap(({ queues }) => queues ?? [EVERY_QUEUE]))]
}

function typesOf({ scopes }: KnownWorker): readonly string[] | null {
  if (scopes.length === 0 || scopes.some(({ types }) => types === null)) return null
  return [...new Set(scopes.flatMap(({ types }) => types ?? []))]
}
