import { type ClaimParams, LIMITS, untilSuspect } from '@taskyard/core'
import { row1, rows, type State } from '../state.ts'
import type { ClaimedRow, ClaimedRows } from '../wire.ts'
import { promoteDue } from './promote.ts'
import { firstOfLanes, firstOfTypes, type ReadyRow } from './ready-in-order.ts'
import { nameOf, repeatedClaim } from './repeated-claim.ts'

const TASKS_PER_STATEMENT = 100

/** The port's `claim`. The same request id gives the same leases again, as long as any of them holds. */
export function claim(state: State, params: ClaimParams, now: number): ClaimedRows {
  promoteDue(state, now)
  return repeatedClaim(state, params, now) ?? claimAnew(state, params, now)
}

function claimAnew(state: State, params: ClaimParams, now: number): ClaimedRows {
  const { worker, leaseMs } = params
  const first = firstReady(state, params)
  const ready = untilSuspect(first, ([, , , , , crashes]) => crashes)
  const claimed = leaseAll(state, ready, params, now)
  for (const row of first.slice(claimed.length)) state.heads.noteReady(row[6], row)
  const name = nameOf(params)
  if (name !== null && claimed.length > 0) state.requests.set(name, seqsOf(ready.slice(0, claimed.length)))
  const lanes = [...new Set(claimed.map(([lane]) => lane))].map((lane) => state.lanes.get(lane))
  return { rows: claimed, lanes, startedAt: now, leases: now + leaseMs, workerId: worker.workerId }
}

function firstReady(state: State, { namespace, queues, types, limit }: ClaimParams): readonly ReadyRow[] {
  if (queues === null) return firstOfTypes(state, namespace, types, limit)
  const open = [...new Set(queues)].filter((queue) => !state.lanes.isPaused(namespace, queue))
  const wanted = types === null ? null : new Set(types)
  const lanes = open
    .flatMap((queue) => state.lanes.ofQueue(namespace, queue))
    .filter(({ lane, type }) => (wanted?.has(type) ?? true) && state.counters.of(lane).queued > 0)
  return firstOfLanes(
    state,
    lanes.map(({ lane }) => lane),
    limit,
  )
}

type TaskColumns = [
  bytes: number,
  id: string,
  payload: string,
  createdAt: number,
  maxAttempts: number,
  timeoutSeconds: number | null,
  backoff: string | null,
  tags: string | null,
  idempotencyKey: string | null,
]

function leaseAll(state: State, ready: readonly ReadyRow[], params: ClaimParams, now: number): ClaimedRow[] {
  const claimed: ClaimedRow[] = []
  let room: number = LIMITS.claimBytes
  for (let at = 0; at < ready.length && room > 0; at += TASKS_PER_STATEMENT) {
    const some = ready.slice(at, at + TASKS_PER_STATEMENT)
    const tasks = readTasks(state, some, room)
    for (const [bytes] of tasks) room -= bytes
    claimed.push(...leaseSome(state, some.slice(0, tasks.length), tasks, params, now))
  }
  return claimed
}

/** A payload that is not read together with others: a hundred of them could be many times what a claim may hold. */
const LARGE_BYTES = Math.floor(LIMITS.claimBytes / TASKS_PER_STATEMENT)

/** The first tasks, up to the one that leaves no room: large ones behind it are not even read. */
function readTasks(state: State, ready: readonly ReadyRow[], room: number): readonly TaskColumns[] {
  const select = state.sql(
    `SELECT octet_length(t.payload), t.id, CASE WHEN octet_length(t.payload) <= ${LARGE_BYTES} THEN t.payload END,
       t.created_at, t.max_attempts, t.timeout_seconds, t.backoff, t.tags, t.idempotency_key
     FROM json_each(?) wanted CROSS JOIN tasks t ON t.seq = wanted.value`,
  )
  const found = rows<TaskColumns>(select, JSON.stringify(seqsOf(ready)))
  const tasks: TaskColumns[] = []
  for (let left = room; left > 0 && tasks.length < found.length; ) {
    const task = found[tasks.length] as TaskColumns
    left -= task[0]
    if (task[0] > LARGE_BYTES) task[2] = payloadOf(state, (ready[tasks.length] as ReadyRow)[0])
    tasks.push(task)
  }
  return tasks
}

function payloadOf(state: State, seq: number): string {
  return row1<[string]>(state.sql('SELECT payload FROM tasks WHERE seq = ?'), seq)?.[0] ?? ''
}

function seqsOf(ready: readonly ReadyRow[]): readonly number[] {
  return ready.map(([seq]) => seq)
}

// One statement for many tasks, not one for each: crossing into SQLite costs more than what it does there.
function leaseSome(
  state: State,
  ready: readonly ReadyRow[],
  tasks: readonly TaskColumns[],
  params: ClaimParams,
  now: number,
): ClaimedRow[] {
  const seqs = JSON.stringify(seqsOf(ready))
  insertLeases(state, seqs, params, now)
  state.sql('DELETE FROM ready WHERE seq IN (SELECT value FROM json_each(?))').run(seqs)
  return ready.map((row, i) => {
    state.counters.move(row[6], 'queued', 'running')
    return claimedRow(row, tasks[i] as TaskColumns)
  })
}

function insertLeases(state: State, seqs: string, { worker, leaseMs, requestId }: ClaimParams, now: number): void {
  const insert = state.sql(
    `INSERT INTO leases (seq, lane, token, attempt, crashes, expires_at, deadline_at, worker_id, node_id, session, ready_at,
       started_at, records, bytes, request_id)
     SELECT seq, r.lane, r.token + 1, r.attempt + 1, r.crashes, ?1 + ?2, ?1 + CAST(round(t.timeout_seconds * 1000) AS INTEGER),
       ?3, ?4, ?5, r.ready_at, ?1, 0, octet_length(t.payload), ?7
     FROM ready r JOIN tasks t USING (seq) WHERE seq IN (SELECT value FROM json_each(?6))`,
  )
  insert.run(now, leaseMs, worker.workerId, worker.nodeId, worker.session ? 1 : 0, seqs, requestId)
}

function claimedRow([, priority, readyAt, attempt, token, crashes, lane]: ReadyRow, task: TaskColumns): ClaimedRow {
  return [
    lane,
    task[1],
    priority,
    task[2],
    task[3],
    task[4],
    task[5],
    task[6],
    task[7],
    task[8],
    readyAt,
    attempt + 1,
    crashes,
    token + 1,
  ]
}
