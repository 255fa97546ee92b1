import type { ClaimParams, JsonText, LeasedTask } from '@taskyard/core'
import type { Text } from '../driver.ts'
import type { StoreContext } from '../store-context.ts'
import { backoffFromText, numberOrNull, tagsFromText } from './column-text.ts'

/** A row of `claim_tasks_4`: a task, or a note. */
export type Row = readonly Text[]

/** What a row without an id tells. */
export type Note = 'due' | 'crowded' | 'cut' | 'given'

export const CLAIM_COLUMNS = `id, lane, rank, payload, created_at, max_attempts, timeout_seconds, backoff, tags, idempotency_key,
  ready_at, attempt, crashes, token, seq, started_at`

/** Of a row whose id is null: its fourth column says what it tells. */
export function noteOf([, , , note]: Row): Note {
  return note as Note
}

/** Where in its lane a claimed task stood. */
export function placeOf(row: Row) {
  return { lane: Number(row[1]), rank: Number(row[2]), readyAt: Number(row[10]), seq: Number(row[14]) }
}

/** What the same claim gave before, its leases extended. */
export async function repeatedClaim(context: StoreContext, params: ClaimParams): Promise<LeasedTask[]> {
  const { namespace, worker, requestId, leaseMs } = params
  const rows = await context.database.run(
    `SELECT ${CLAIM_COLUMNS}, expires_at, cancel_requested_at, progress
     FROM @given_leases_2($1, $2, $3, $4, $5, $6) ORDER BY rank, created_at, id`,
    [...context.time.params(), namespace, worker.workerId, requestId, leaseMs],
  )
  const tasks = await leasedTasks(context, rows, params)
  return tasks.map((task, i) => {
    const [expiresAt, cancelRequestedAt, progress] = (rows[i] as Row).slice(16) as [Text, Text, Text]
    const lease = { ...task.lease, expiresAt: Number(expiresAt), again: true as const }
    return {
      ...task,
      lease,
      cancelRequestedAt: numberOrNull(cancelRequestedAt),
      progress: progress as JsonText | null,
    }
  })
}

/** Rows of tasks, not notes, as leases that end `leaseMs` after the server began them. */
export async function leasedTasks(
  { lanes, time }: StoreContext,
  rows: readonly Row[],
  { leaseMs, worker }: ClaimParams,
): Promise<LeasedTask[]> {
  await lanes.load(new Set(rows.map((row) => Number(row[1]))))
  return rows.map((row) => {
    const { namespace, queue, type } = lanes.get(Number(row[1]))
    const startedAt = time.saw(row[15] as string)
    return {
      id: row[0] as string,
      namespace,
      queue,
      type,
      status: 'running',
      priority: -Number(row[2]) || 0,
      payload: row[3] as JsonText,
      result: null,
      error: null,
      attempt: Number(row[11]) + 1,
      maxAttempts: Number(row[5]),
      crashes: Number(row[12]),
      progress: null,
      tags: tagsFromText(row[8]),
      backoff: backoffFromText(row[7]),
      timeoutSeconds: numberOrNull(row[6]),
      idempotencyKey: row[9] ?? null,
      workerId: worker.workerId,
      runAt: Number(row[10]),
      createdAt: Number(row[4]),
      startedAt,
      finishedAt: null,
      cancelRequestedAt: null,
      lease: { token: Number(row[13]) + 1, expiresAt: startedAt + leaseMs },
    }
  })
}
