import {
  type CancelOutcome,
  isTaskId,
  RETRYABLE_STATUSES,
  type RetryOutcome,
  type RetryParams,
  type TaskIdsParams,
  type TaskStatus,
  TaskyardError,
} from '@taskyard/core'
import { ids } from '../arrays.ts'
import type { Run } from '../database.ts'
import type { Text } from '../driver.ts'
import { namespaceOf } from '../lanes.ts'
import type { StoreContext } from '../store-context.ts'
import { numberOrNull } from './column-text.ts'
import { forgetLoneLeases } from './lone-leases.ts'
import { statusNumbers } from './status-numbers.ts'
import { count, newTransitions, type Transitions } from './transitions.ts'
import { writeTransitions } from './write-transitions.ts'

/** A task that moves from one table to another while it is looked for is found at the next look, or at one of the next. */
const LOOKS = 100

/**
 * Cancels waiting tasks at once and asks running ones to stop.
 * @throws TaskyardError store_unavailable, when a task keeps moving; others of the call may have been cancelled
 */
export async function cancel(context: StoreContext, { namespace, taskIds }: TaskIdsParams): Promise<CancelOutcome[]> {
  const outcomes = new Map<string, CancelOutcome>()
  let open = distinctIds(taskIds)
  for (let look = 0; open.length > 0; look++) {
    if (look === LOOKS) throw new TaskyardError('store_unavailable', { reason: 'others keep changing the tasks' })
    const ids = open
    const found = await context.database.transaction((run) => cancelFound(context, run, namespace, ids))
    for (const [id, outcome] of found) outcomes.set(id, outcome)
    open = await existing(
      context,
      namespace,
      open.filter((id) => !outcomes.has(id)),
    )
  }
  return taskIds.map((id) => outcomes.get(id) ?? { kind: 'not-found' })
}

function distinctIds(taskIds: readonly string[]): string[] {
  return [...new Set(taskIds.filter(isTaskId))].sort()
}

async function existing({ database }: StoreContext, namespace: string, taskIds: readonly string[]): Promise<string[]> {
  if (taskIds.length === 0) return []
  const rows = await database.run<[string]>(
    `SELECT id FROM @tasks t WHERE id = ANY ($1::uuid[]) AND ${namespaceOf('t')} = $2 ORDER BY id`,
    [ids(taskIds), namespace],
  )
  return rows.map(([id]) => id)
}

type Outcomes<Outcome> = Map<string, Outcome>

async function cancelFound(
  { time }: StoreContext,
  run: Run,
  namespace: string,
  taskIds: readonly string[],
): Promise<Outcomes<CancelOutcome>> {
  const [row] = await run<[now: string, mine: string]>(
    `SELECT @server_now($1, $2), ARRAY(SELECT id FROM @tasks t WHERE id = ANY ($3::uuid[]) AND ${namespaceOf('t')} = $4)`,
    [...time.params(), ids(taskIds), namespace],
  )
  const [now, mine] = [time.saw(row?.[0] ?? 0), row?.[1] ?? '{}']
  const transitions = newTransitions()
  const outcomes: Outcomes<CancelOutcome> = new Map()
  for (const row of await takeAndAsk(run, mine, now)) outcomes.set(row[1], cancelOne(transitions, row, now))
  for (const [id, status] of await endedAmong(run, mine)) {
    if (!outcomes.has(id)) outcomes.set(id, { kind: 'ended', status })
  }
  await writeTransitions(run, transitions, now)
  return outcomes
}

type FoundRow = [
  from: 'queued' | 'scheduled' | 'running',
  id: string,
  lane: string,
  token: string,
  attempt: string,
  crashes: string,
  bytes: string,
  workerId: Text,
  requestedAt: Text,
]

/** Where the tasks are at one moment: one look after the other would miss those that go where it has been. */
function takeAndAsk(run: Run, idArray: string, now: number): Promise<FoundRow[]> {
  return run<FoundRow>(
    `WITH from_ready AS (
       DELETE FROM @ready WHERE id = ANY ($1::uuid[]) RETURNING id, lane, token, attempt, crashes
     ), from_scheduled AS (
       DELETE FROM @scheduled WHERE id = ANY ($1::uuid[]) RETURNING id, lane, token, attempt, crashes
     ), held AS (
       SELECT id, cancel_requested_at FROM @leases WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE
     ), asked AS (
       UPDATE @leases l SET cancel_requested_at = coalesce(l.cancel_requested_at, $2) FROM held h WHERE l.id = h.id
       RETURNING l.id, l.lane, l.token, l.attempt, l.crashes, l.worker_id, h.cancel_requested_at
     ), waiting AS (SELECT 'queued' AS status, * FROM from_ready UNION ALL SELECT 'scheduled', * FROM from_scheduled)
     SELECT w.status, w.id, w.lane, w.token, w.attempt, w.crashes, octet_length(t.payload), NULL, NULL
     FROM waiting w JOIN @tasks t ON t.id = w.id
     UNION ALL SELECT 'running', id, lane, token, attempt, crashes, 0, worker_id, cancel_requested_at FROM asked`,
    [idArray, now],
  )
}

function cancelOne(transitions: Transitions, row: FoundRow, now: number): CancelOutcome {
  const [status, id, , , , , , workerId, requestedAt] = row
  const [lane, token, attempt, crashes, bytes] = row.slice(2, 7).map(Number) as [number, number, number, number, number]
  if (status === 'running') {
    if (requestedAt === null) transitions.history.push({ id, at: now, kind: 'cancel-requested', attempt, token })
    return { kind: 'requested', workerId: workerId ?? '' }
  }
  count(transitions, lane, status, -1)
  const nothing = { settledAs: null, error: null, progress: null, workerId: null, startedAt: null }
  transitions.finished.push({ id, lane, token, attempt, crashes, bytes, status: 'cancelled', ...nothing })
  return { kind: 'cancelled' }
}

const ENDED = ['succeeded', 'failed', 'cancelled'] as const

async function endedAmong(run: Run, idArray: string): Promise<[string, TaskStatus][]> {
  const rows = await run<[string, string]>(
    `SELECT f.id, f.status FROM unnest($1::uuid[]) AS i (id) JOIN @tasks t ON t.id = i.id
     JOIN @finished f ON f.lane = t.lane AND f.status IN (1, 2, 3) AND f.id = t.id`,
    [idArray],
  )
  return rows.map(([id, status]) => [id, ENDED[Number(status) - 1] as TaskStatus])
}

/** Makes failed and cancelled tasks ready again. */
export async function retry(
  context: StoreContext,
  { namespace, taskIds, statuses = RETRYABLE_STATUSES }: RetryParams,
): Promise<RetryOutcome[]> {
  const wanted = distinctIds(taskIds)
  if (wanted.length === 0) return taskIds.map(() => ({ kind: 'not-found' }))
  const params = { namespace, taskIds: wanted, statuses }
  const { outcomes, lanes } = await context.database.transaction((run) => retryFound(context, run, params))
  context.publishReady(lanes)
  return taskIds.map((id) => outcomes.get(id) ?? { kind: 'not-found' })
}

async function retryFound({ time }: StoreContext, run: Run, { namespace, taskIds, statuses }: Required<RetryParams>) {
  const rows = await run(
    `WITH taken AS (
       DELETE FROM @finished f USING @tasks t
       WHERE t.id = ANY ($3::uuid[]) AND ${namespaceOf('t')} = $4 AND f.lane = t.lane AND f.status IN (${statusNumbers(statuses)}) AND f.id = t.id RETURNING f.*, t.priority, octet_length(t.payload) AS payload_bytes, round(t.timeout_seconds * 1000)::bigint AS timeout_ms
     )
     SELECT id, lane, token, attempt, status, started_at, finished_at, worker_id, error, bytes, priority, @server_now($1, $2),
       payload_bytes, timeout_ms, settled_as FROM taken`,
    [...time.params(), ids(taskIds), namespace],
  )
  const transitions = newTransitions()
  const now = time.saw(rows[0]?.[11] ?? 0)
  for (const row of rows) retryOne(transitions, row, now)
  await writeTransitions(run, transitions, now)
  const retried = rows.map(([id]) => id as string)
  await forgetLoneLeases(run, retried)
  const outcomes: Outcomes<RetryOutcome> = new Map()
  const states = await run<[string, string]>(
    `SELECT id, status FROM @find_tasks_2($1, $2, $3, $4) AS t WHERE ${namespaceOf('t')} = $5`,
    [...time.params(), ids(taskIds), Number.MAX_SAFE_INTEGER, namespace],
  )
  for (const [id, status] of states) outcomes.set(id, { kind: 'not-retryable', status: status as TaskStatus })
  for (const id of retried) outcomes.set(id, { kind: 'retried' })
  return { outcomes, lanes: transitions.ready.map(({ lane }) => lane) }
}

function retryOne(transitions: Transitions, row: readonly Text[], now: number): void {
  const id = row[0] as string
  const [lane, token, attempt, statusNumber] = row.slice(1, 5).map(Number) as [number, number, number, number]
  const status = ENDED[statusNumber - 1] as 'failed' | 'cancelled'
  const [workerId, error] = [row[7] ?? null, row[8] ?? null]
  count(transitions, lane, status, -1)
  count(transitions, lane, 'finished_bytes', -Number(row[9]))
  const data = error === null ? null : `{"error":${error}}`
  const end = { id, attempt, token }
  const settledAs = numberOrNull(row[14])
  transitions.history.push({
    ...end,
    at: Number(row[6]),
    kind: status,
    startedAt: numberOrNull(row[5]),
    workerId,
    data,
    settledAs,
  })
  transitions.history.push({ ...end, at: now, kind: 'retried' })
  const size = { bytes: Number(row[12]), timeoutMs: numberOrNull(row[13]) }
  transitions.ready.push({
    id,
    lane,
    token,
    attempt: 0,
    crashes: 0,
    loneCrashes: 0,
    seq: null,
    readyAt: now,
    priority: Number(row[10]),
    ...size,
  })
}
