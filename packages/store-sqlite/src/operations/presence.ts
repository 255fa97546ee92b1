import {
  type BeatParams,
  type BeatReply,
  type ClaimersOfNode,
  type ClaimersParams,
  claimersFromText,
  claimersText,
  type HoldersParams,
  type LeaseHolder,
  type WorkerName,
  workerKey,
} from '@taskyard/core'
import { rows, type State } from '../state.ts'

/** The port's `beat`, kept in memory: no process but ours has the file. A `ttlMs` of 0 or less takes it back. */
export function beat(state: State, { nodeId, workers, ttlMs, claimers }: BeatParams, now: number): BeatReply {
  const before = state.nodes.find((node) => node.nodeId === nodeId)
  state.nodes = state.nodes.filter((node) => node !== before)
  const reply = { anyDefaults: state.declarations > 0, declarations: state.declarations }
  if (ttlMs <= 0) return reply
  const said = claimers === undefined ? before?.claimers : { text: claimersText(claimers), saidAt: now }
  state.nodes.push({
    nodeId,
    workers: new Set(workers.map(workerKey)),
    until: now + ttlMs,
    claimers: said ?? { text: '[]', saidAt: now },
  })
  return reply
}

/** The port's `claimers`. */
export function claimers(state: State, { namespace }: ClaimersParams, now: number): ClaimersOfNode[] {
  const living = state.nodes.filter(({ until }) => until > now)
  return living.flatMap(({ nodeId, claimers: { text, saidAt } }) =>
    claimersFromText(text, { nodeId, namespace, saidAgoMs: now - saidAt }),
  )
}

/** The port's `holders`: one line per worker and process that claimed for it. */
export function holders(state: State, { namespace: only }: HoldersParams, now: number): LeaseHolder[] {
  const isAlive = livenessOf(state, now)
  const found = rows<[string, string, string | null, number, number, number, number]>(
    state.sql(
      `SELECT lanes.namespace, worker_id, node_id, max(session), count(*),
         min(expires_at), max(expires_at)
       FROM leases JOIN lanes USING (lane) WHERE ?1 IS NULL OR lanes.namespace = ?1 GROUP BY 1, 2, 3`,
    ),
    only,
  )
  return found.map(([namespace, workerId, nodeId, session, leases, firstEnd, lastEnd]) => {
    const alive = isAlive({ namespace, workerId }, nodeId)
    return { namespace, workerId, nodeId, session: session === 1, alive, leases, firstEnd, lastEnd }
  })
}

/** Tells whether a process whose beat holds is a worker's own, or names the worker. */
export function livenessOf({ nodes }: State, now: number): (worker: WorkerName, nodeId: string | null) => boolean {
  const living = nodes.filter(({ until }) => until > now)
  return (worker, nodeId) => {
    const key = workerKey(worker)
    return living.some((node) => node.nodeId === nodeId || node.workers.has(key))
  }
}
