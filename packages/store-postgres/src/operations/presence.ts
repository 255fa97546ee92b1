import {
  type BeatParams,
  type BeatReply,
  type ClaimersOfNode,
  type ClaimersParams,
  claimersFromText,
  claimersMark,
  claimersText,
  DEFAULTS,
  type HoldersParams,
  type LeaseHolder,
  type WorkerName,
  workerKey,
} from '@taskyard/core'
import type { StoreContext } from '../store-context.ts'

type ReplyRow = [declarations: string, anyDefaults: 't' | 'f']
const REPLY = '(SELECT n FROM @declarations), EXISTS (SELECT FROM @type_defaults)'

/** The port's `beat`. A `ttlMs` of 0 or less takes it back. */
export async function beat(
  { database, time }: Pick<StoreContext, 'database' | 'time'>,
  { nodeId, workers, ttlMs, claimers }: BeatParams,
): Promise<BeatReply> {
  if (ttlMs <= 0) {
    const gone = `WITH gone AS (DELETE FROM @nodes WHERE node_id = $1) SELECT ${REPLY}`
    return replyOf(await database.run<ReplyRow>(gone, [nodeId]))
  }
  const rows = await database.run<ReplyRow>(
    `INSERT INTO @nodes AS n (node_id, worker_ids, until, claimers, claimers_at)
     VALUES ($3, $4, @server_now($1, $2) + $5, $6, CASE WHEN $6::text IS NOT NULL THEN @server_now($1, $2) END)
     ON CONFLICT (node_id) DO UPDATE SET worker_ids = excluded.worker_ids, until = excluded.until,
       claimers = coalesce(excluded.claimers, n.claimers), claimers_at = coalesce(excluded.claimers_at, n.claimers_at)
     RETURNING ${REPLY}`,
    [
      ...time.params(),
      nodeId,
      storable(workers).map(workerKey),
      ttlMs,
      claimers === undefined ? null : claimersText(claimers),
    ],
  )
  return replyOf(rows)
}

function replyOf([row]: readonly ReplyRow[]): BeatReply {
  return { declarations: Number(row?.[0]), anyDefaults: row?.[1] === 't' }
}

/** The port's `claimers`. */
export async function claimers(
  { database, time }: StoreContext,
  { namespace }: ClaimersParams,
): Promise<ClaimersOfNode[]> {
  const rows = await database.run<[nodeId: string, text: string, saidAgoMs: string]>(
    `SELECT node_id, claimers, @server_now($1, $2) - claimers_at FROM @nodes
     WHERE until > @server_now($1, $2) AND strpos(claimers, $3) > 0`,
    [...time.params(), claimersMark(namespace)],
  )
  return rows.flatMap(([nodeId, text, saidAgoMs]) =>
    claimersFromText(text, { nodeId, namespace, saidAgoMs: Number(saidAgoMs) }),
  )
}

type HolderRow = [
  namespace: string,
  worker: string,
  node: string | null,
  session: string,
  leases: string,
  firstEnd: string,
  lastEnd: string,
  alive: string,
]

/** The port's `holders`: one line per worker and process that claimed for it. */
export async function holders({ database, time }: StoreContext, { namespace }: HoldersParams): Promise<LeaseHolder[]> {
  // Added up by lane first, in a hash table: all leases with their namespaces would be sorted, on disk if there are many.
  const rows = await database.run<HolderRow>(
    `SELECT h.*, EXISTS (
       SELECT FROM @nodes n WHERE n.until > @server_now($1, $2)
         AND (n.node_id = h.node_id OR ${workerKeySql('h.namespace', 'h.worker_id')} = ANY (n.worker_ids))
     )
     FROM (
       SELECT lanes.namespace, worker_id, node_id, bool_or(session), sum(leases), min(first_end), max(last_end)
       FROM (
         SELECT lane, worker_id, node_id, bool_or(session) AS session, count(*) AS leases, min(expires_at) AS first_end, max(expires_at) AS last_end
         FROM @leases GROUP BY 1, 2, 3
       ) AS of_lane JOIN @lanes USING (lane) WHERE $3::text IS NULL OR lanes.namespace = $3 GROUP BY 1, 2, 3
     ) AS h`,
    [...time.params(), namespace],
  )
  return rows.map(([namespace, workerId, nodeId, session, leases, firstEnd, lastEnd, alive]) => ({
    namespace,
    workerId,
    nodeId,
    session: session === 't',
    alive: alive === 't',
    leases: Number(leases),
    firstEnd: Number(firstEnd),
    lastEnd: Number(lastEnd),
  }))
}

/** A `workerKey` in SQL, of columns. */
export function workerKeySql(namespace: string, workerId: string): string {
  return `CASE ${namespace} WHEN '${DEFAULTS.namespace}' THEN ${workerId} ELSE ${namespace} || '/' || ${workerId} END`
}

/** Those that the server can store: the others hold no leases. */
export function storable(workers: readonly WorkerName[]): readonly WorkerName[] {
  return workers.filter(({ workerId }) => !workerId.includes('\0'))
}
