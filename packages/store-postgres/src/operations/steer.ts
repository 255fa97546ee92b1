import type { CancelOutcome, RetryOutcome, TaskIdsParams, TaskStatus } from '@taskyard/core'
import { ids, isId } from '../arrays.ts'
import type { Run, Text } from '../database.ts'
import type { Parts } from '../parts.ts'
import { count, type Moves, newMoves, numberOrNull, writeMoves } from './moves.ts'

/** A task that moves between two tables while it is looked for is found at the next look. */
const LOOKS = 5

/** Cancels waiting tasks at once and asks running ones to stop. */
export async function cancel(parts: Parts, { taskIds }: TaskIdsParams): Promise<CancelOutcome[]> {
  const outcomes = new Map<string, CancelOutcome>()
  for (let look = 0; look < LOOKS; look++) {
    const open = openIds(taskIds, outcomes)
    if (open.length === 0) break
    const found = await parts.database.transaction((run) => cancelFound(parts, run, open))
    for (const [id, outcome] of found) outcomes.set(id, outcome)
  }
  return taskIds.map((id) => outcomes.get(id.toLowerCase()) ?? { kind: 'not-found' })
}

function openIds(taskIds: readonly string[], outcomes: ReadonlyMap<string, unknown>): string[] {
  const wanted = new Set(taskIds.filter(isId).map((id) => id.toLowerCase()))
  return [...wanted].filter((id) => !outcomes.has(id)).sort()
}

type Outcomes<Outcome> = Map<string, Outcome>

async function cancelFound({ time }: Parts, run: Run, taskIds: readonly string[]): Promise<Outcomes<CancelOutcome>> {
  const [nowRow] = await run<[string]>('SELECT @server_now($1, $2)', time.params())
  const now = time.saw(nowRow?.[0] ?? 0)
  const moves = newMoves()
  const outcomes: Outcomes<CancelOutcome> = new Map()
  for (const from of ['ready', 'scheduled'] as const) {
    for (const id of await takeWaiting(run, from, taskIds, moves)) outcomes.set(id, { kind: 'cancelled' })
  }
  for (const [id, workerId] of await requestCancels(run, taskIds, moves, now)) {
    outcomes.set(id, { kind: 'requested', workerId })
  }
  for (const [id, status] of await endedAmong(run, taskIds)) {
    if (!outcomes.has(id)) outcomes.set(id, { kind: 'ended', status })
  }
  await writeMoves(run, moves, now)
  return outcomes
}

async function takeWaiting(
  run: Run,
  from: 'ready' | 'scheduled',
  taskIds: readonly string[],
  moves: Moves,
): Promise<string[]> {
  const rows = await run(
    `WITH taken AS (DELETE FROM @${from} WHERE id = ANY ($1::uuid[]) RETURNING id, lane, token, attempt, crashes)
     SELECT k.id, k.lane, k.token, k.attempt, k.crashes, octet_length(t.payload) FROM taken k JOIN @tasks t ON t.id = k.id`,
    [ids(taskIds)],
  )
  for (const row of rows) {
    const [lane, token, attempt, crashes, bytes] = row.slice(1).map(Number) as [number, number, number, number, number]
    count(moves, lane, from === 'ready' ? 'queued' : 'scheduled', -1)
    const nothing = { error: null, progress: null, workerId: null, startedAt: null }
    moves.finished.push({ id: row[0] as string, lane, token, attempt, crashes, bytes, status: 'cancelled', ...nothing })
  }
  return rows.map(([id]) => id as string)
}

async function requestCancels(
  run: Run,
  taskIds: readonly string[],
  moves: Moves,
  now: number,
): Promise<[string, string][]> {
  const rows = await run<[string, string, string, string, Text]>(
    `WITH held AS (SELECT id, cancel_requested_at FROM @leases WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE)
     UPDATE @leases l SET cancel_requested_at = coalesce(l.cancel_requested_at, $2) FROM held h WHERE l.id = h.id
     RETURNING l.id, l.worker_id, l.attempt, l.token, h.cancel_requested_at`,
    [ids(taskIds), now],
  )
  for (const [id, , attempt, token, requestedAt] of rows) {
    if (requestedAt !== null) continue
    moves.history.push({ id, at: now, kind: 'cancel-requested', attempt: Number(attempt), token: Number(token) })
  }
  return rows.map(([id, workerId]) => [id, workerId])
}

const ENDED = ['succeeded', 'failed', 'cancelled'] as const

async function endedAmong(run: Run, taskIds: readonly string[]): Promise<[string, TaskStatus][]> {
  const rows = await run<[string, string]>(
    `SELECT f.id, f.status FROM unnest($1::uuid[]) AS i (id) JOIN @tasks t ON t.id = i.id
     JOIN @finished f ON f.lane = t.lane AND f.status IN (1, 2, 3) AND f.id = t.id`,
    [ids(taskIds)],
  )
  return rows.map(([id, status]) => [id, ENDED[Number(status) - 1] as TaskStatus])
}

/** Makes failed and cancelled tasks ready again. */
export async function retry(parts: Parts, { taskIds }: TaskIdsParams): Promise<RetryOutcome[]> {
  const wanted = openIds(taskIds, new Map())
  if (wanted.length === 0) return taskIds.map(() => ({ kind: 'not-found' }))
  const { outcomes, lanes } = await parts.database.transaction((run) => retryFound(parts, run, wanted))
  parts.readied(lanes)
  return taskIds.map((id) => outcomes.get(id.toLowerCase()) ?? { kind: 'not-found' })
}

async function retryFound({ time }: Parts, run: Run, taskIds: readonly string[]) {
  const rows = await run(
    `WITH taken AS (
       DELETE FROM @finished f USING @tasks t
       WHERE t.id = ANY ($3::uuid[]) AND f.lane = t.lane AND f.status IN (2, 3) AND f.id = t.id RETURNING f.*, t.priority, octet_length(t.payload) AS payload_bytes, round(t.timeout_seconds * 1000)::bigint AS timeout_ms
     )
     SELECT id, lane, token, attempt, status, started_at, finished_at, worker_id, error, bytes, priority, @server_now($1, $2),
       payload_bytes, timeout_ms FROM taken`,
    [...time.params(), ids(taskIds)],
  )
  const moves = newMoves()
  const now = time.saw(rows[0]?.[11] ?? 0)
  for (const row of rows) retryOne(moves, row, now)
  await writeMoves(run, moves, now)
  const outcomes: Outcomes<RetryOutcome> = new Map()
  const states = await run<[string, string]>('SELECT id, status FROM @find_tasks($1, $2, $3, $4)', [
    ...time.params(),
    ids(taskIds),
    Number.MAX_SAFE_INTEGER,
  ])
  for (const [id, status] of states) outcomes.set(id, { kind: 'not-retryable', status: status as TaskStatus })
  for (const [id] of rows) outcomes.set(id as string, { kind: 'retried' })
  return { outcomes, lanes: moves.ready.map(({ lane }) => lane) }
}

function retryOne(moves: Moves, row: readonly Text[], now: number): void {
  const id = row[0] as string
  const [lane, token, attempt, statusNumber] = row.slice(1, 5).map(Number) as [number, number, number, number]
  const status = ENDED[statusNumber - 1] as 'failed' | 'cancelled'
  const [workerId, error] = [row[7] ?? null, row[8] ?? null]
  count(moves, lane, status, -1)
  count(moves, lane, 'finished_bytes', -Number(row[9]))
  const data = error === null ? null : `{"error":${error}}`
  const end = { id, attempt, token }
  moves.history.push({ ...end, at: Number(row[6]), kind: status, startedAt: numberOrNull(row[5]), workerId, data })
  moves.history.push({ ...end, at: now, kind: 'retried' })
  const size = { bytes: Number(row[12]), timeoutMs: numberOrNull(row[13]) }
  moves.ready.push({
    id,
    lane,
    token,
    attempt: 0,
    crashes: 0,
    seq: null,
    readyAt: now,
    priority: Number(row[10]),
    ...size,
  })
}
