import type { ClaimParams } from '@taskyard/core'
import type { Lane } from '../lanes.ts'
import { row1, rows, type State } from '../state.ts'
import type { ClaimedRow, ClaimedRows } from '../wire.ts'
import { take } from './move.ts'
import { promoteDue } from './promote.ts'

/** A claim stops early once its payloads reach this, so that a thousand large tasks do not fill the memory. */
const PAYLOAD_BYTES_PER_CLAIM = 8 * 1024 * 1024

export function claim(state: State, params: ClaimParams, now: number): ClaimedRows {
  promoteDue(state, now)
  const { worker, leaseMs, limit } = params
  if (worker.nodeId !== null) state.aliveNodes.add(worker.nodeId)
  const lanes = claimableLanes(state, params)
  const claimed: ClaimedRow[] = []
  let bytes = 0
  for (const head of readyInOrder(state, lanes, limit)) {
    if (bytes >= PAYLOAD_BYTES_PER_CLAIM) break
    const row = lease(state, head, params, now)
    claimed.push(row)
    bytes += row[3].length
  }
  return { rows: claimed, lanes, startedAt: now, expiresAt: now + leaseMs, workerId: worker.workerId }
}

function claimableLanes(state: State, { namespace, queues, types }: ClaimParams): readonly Lane[] {
  const open = [...new Set(queues)].filter((queue) => !state.lanes.isPaused(namespace, queue))
  const lanes = open.flatMap((queue) => state.lanes.ofQueue(namespace, queue))
  const wanted = types === null ? null : new Set(types)
  return lanes.filter(({ lane, type }) => (wanted?.has(type) ?? true) && state.counters.of(lane).queued > 0)
}

type Ready = [
  seq: number,
  priority: number,
  readyAt: number,
  attempt: number,
  token: number,
  crashes: number,
  lane: number,
]

// Each lane is in order by its index; across lanes the best head is taken, reading each lane in chunks.
function readyInOrder(state: State, lanes: readonly Lane[], limit: number): readonly Ready[] {
  if (lanes.length === 0) return []
  const chunk = lanes.length === 1 ? limit : Math.max(8, Math.ceil((2 * limit) / lanes.length))
  const read = (lane: number, offset: number) =>
    rows<Ready>(
      state.sql(
        `SELECT seq, priority, ready_at, attempt, token, crashes, lane FROM ready
         WHERE lane = ? ORDER BY priority DESC, ready_at, seq LIMIT ? OFFSET ?`,
      ),
      lane,
      chunk,
      offset,
    )
  if (lanes.length === 1) return read((lanes[0] as Lane).lane, 0)
  return mergeLanes(
    lanes.map(({ lane }) => lane),
    read,
    chunk,
    limit,
  )
}

function mergeLanes(
  lanes: readonly number[],
  read: (lane: number, offset: number) => readonly Ready[],
  chunk: number,
  limit: number,
) {
  const readers = lanes.map((lane) => ({ lane, buffer: read(lane, 0), at: 0, offset: 0 }))
  const merged: Ready[] = []
  while (merged.length < limit) {
    let best: (typeof readers)[number] | null = null
    for (const reader of readers) {
      if (reader.at === chunk) {
        reader.offset += chunk
        reader.buffer = read(reader.lane, reader.offset)
        reader.at = 0
      }
      const head = reader.buffer[reader.at]
      if (head !== undefined && (best === null || isBefore(head, best.buffer[best.at] as Ready))) best = reader
    }
    if (best === null) break
    merged.push(best.buffer[best.at++] as Ready)
  }
  return merged
}

function isBefore(a: Ready, b: Ready): boolean {
  if (a[1] !== b[1]) return a[1] > b[1]
  return a[2] === b[2] ? a[0] < b[0] : a[2] < b[2]
}

type TaskColumns = [
  id: string,
  payload: string,
  createdAt: number,
  maxAttempts: number,
  timeoutSeconds: number | null,
  backoff: string | null,
  tags: string | null,
  idempotencyKey: string | null,
]

function lease(state: State, ready: Ready, { worker, leaseMs }: ClaimParams, now: number): ClaimedRow {
  const [seq, priority, readyAt, attempt, token, crashes, lane] = ready
  const select = state.sql(
    `SELECT id, payload, created_at, max_attempts, timeout_seconds, backoff, tags, idempotency_key
     FROM tasks WHERE seq = ?`,
  )
  const task = row1<TaskColumns>(select, seq)
  if (task === undefined) throw new Error(`task number ${seq} is ready but missing`)
  const [id, payload, createdAt, maxAttempts, timeoutSeconds, backoff, tags, idempotencyKey] = task
  take(state, 'ready', seq, lane)
  const insert = state.sql(
    `INSERT INTO leases (seq, lane, token, attempt, crashes, expires_at, deadline_at, worker_id, node_id, session, ready_at,
       started_at, records, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)`,
  )
  insert.run(
    seq,
    lane,
    token + 1,
    attempt + 1,
    crashes,
    now + leaseMs,
    timeoutSeconds === null ? null : now + Math.round(timeoutSeconds * 1000),
    worker.workerId,
    worker.nodeId,
    worker.session ? 1 : 0,
    readyAt,
    now,
    payload.length,
  )
  state.counters.add(lane, 'running', 1)
  return [
    lane,
    id,
    priority,
    payload,
    createdAt,
    maxAttempts,
    timeoutSeconds,
    backoff,
    tags,
    idempotencyKey,
    readyAt,
    attempt + 1,
    crashes,
    token + 1,
  ]
}
