import { type Claimer, type Claimers, isWatched, type LeaseHolder, workerKey } from '@taskyard/core'
import { areMore, type ClaimersHere } from './claimers-here.ts'
import type { Connections } from './connections.ts'
import type { EngineContext } from './engine-context.ts'
import type { Scope } from './scope.ts'

/** Who claims without a session is known as a worker for so long after that. */
const KNOWN_MS = 60_000
/** Who claims with one that no process says it has: that may be about to open, or be with a server of the version before. */
const KNOWN_WITH_SESSION_MS = 20_000

/** A worker that asks for tasks somewhere, keeps a session, or holds tasks. */
export interface KnownWorker {
  readonly workerId: string
  /** What it asks for; empty: not known. */
  readonly scopes: readonly Scope[]
  /** `null`: all that is known of it are the tasks that it holds. */
  readonly seenAgoMs: number | null
  readonly concurrency: number | null
  readonly connected: boolean
  readonly watched: boolean
  readonly embedded: boolean
  readonly leases: number
}

export interface KnownWorkers {
  /** In the order of their ids. */
  readonly workers: readonly KnownWorker[]
  /** `false`: more ask than there was room for, at some process or in its beat. */
  readonly complete: boolean
}

/** The workers of a namespace that are known now, at whatever process of the store. */
export type AskKnownWorkers = (namespace: string) => Promise<KnownWorkers>

interface KnownWorkersParams {
  readonly nodeId: string
  readonly connections: Connections
  readonly claimersHere: ClaimersHere
}

/** Puts together what this process knows, what others say in their beats, and who holds leases. */
export function createKnownWorkers(
  { store, shared }: EngineContext,
  { nodeId, connections, claimersHere }: KnownWorkersParams,
): AskKnownWorkers {
  async function claimersElsewhere(namespace: string): Promise<readonly Claimers[]> {
    if (!shared) return []
    return (await store.presence.claimers({ namespace })).filter((claimers) => claimers.nodeId !== nodeId)
  }

  return async (namespace) => {
    const [holders, elsewhere] = await Promise.all([
      store.presence.holders({ namespace }),
      claimersElsewhere(namespace),
    ])
    const held = Map.groupBy(holders, ({ workerId }) => workerId)
    const all = [...claimersHere.of(namespace), ...elsewhere]
    const claimers = byWorker(all)
    const ids = [...new Set([...connections.idsIn(namespace), ...held.keys(), ...claimers.keys()])].sort()
    const workers = ids.map((workerId) => {
      const isConnectedHere = connections.has(workerKey({ namespace, workerId }))
      return knownWorker(workerId, isConnectedHere, claimers.get(workerId) ?? [], held.get(workerId) ?? [])
    })
    return { workers: workers.filter(isKnown), complete: !all.some(areMore) }
  }
}

function isKnown({ connected, leases, seenAgoMs, watched }: KnownWorker): boolean {
  if (connected || leases > 0) return true
  return seenAgoMs !== null && seenAgoMs <= (watched ? KNOWN_WITH_SESSION_MS : KNOWN_MS)
}

/** A worker as some process knows it, with one thing that it asks for. */
type ScopedClaimer = Claimer & { readonly scope: Scope }

function byWorker(all: readonly Claimers[]): ReadonlyMap<string, readonly ScopedClaimer[]> {
  const claimers = all.flatMap(({ queues, types, isPart, workers }) => {
    const scope = { queues, types, isPart }
    return workers.map((worker): ScopedClaimer => ({ ...worker, scope }))
  })
  return Map.groupBy(claimers, ({ workerId }) => workerId)
}

function knownWorker(
  workerId: string,
  isConnectedHere: boolean,
  claimers: readonly ScopedClaimer[],
  held: readonly LeaseHolder[],
): KnownWorker {
  const connected =
    isConnectedHere || claimers.some((each) => each.connected) || held.some((each) => each.alive && each.session)
  const watches = held.length > 0 ? held.map(isWatched) : claimers.map(({ watched }) => watched)
  const seenAgoMs = claimers.length === 0 ? null : Math.min(...claimers.map((each) => each.seenAgoMs))
  return {
    workerId,
    // What it asked for before that may be of another start of it.
    scopes: claimers.filter((each) => each.seenAgoMs <= (seenAgoMs ?? 0) + KNOWN_MS).map(({ scope }) => scope),
    seenAgoMs: connected ? 0 : seenAgoMs,
    concurrency: claimers.find(({ concurrency }) => concurrency !== null)?.concurrency ?? null,
    connected,
    watched: connected || watches.every((watched) => watched),
    embedded: claimers.some(({ embedded }) => embedded) || held.some(({ nodeId }) => nodeId !== null),
    leases: held.reduce((sum, { leases }) => sum + leases, 0),
  }
}
