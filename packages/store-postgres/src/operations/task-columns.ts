import { isTerminal, type JsonText, type Task, type TaskError, type TaskStatus } from '@taskyard/core'
import type { Text } from '../driver.ts'
import type { Lane } from '../lanes.ts'
import { backoffFromText, numberOrNull, tagsFromText } from './column-text.ts'

/** The columns of `find_tasks_2`, in order. */
export const TASK_COLUMNS = `id, lane, priority, payload, created_at, max_attempts, timeout_seconds, backoff, tags, idempotency_key,
  status, run_at, attempt, crashes, token, worker_id, started_at, finished_at, cancel_requested_at, progress, result, failure`

export const TASK_COLUMN_COUNT = TASK_COLUMNS.split(',').length

/** A row of `TASK_COLUMNS`. Until a task has ended, its failure is the last line of a retry, which holds the error. */
export function taskFromRow(row: readonly Text[], { namespace, queue, type }: Lane): Task {
  return {
    id: row[0] as string,
    namespace,
    queue,
    type,
    status: row[10] as TaskStatus,
    priority: Number(row[2]),
    payload: row[3] as JsonText,
    result: (row[20] ?? null) as JsonText | null,
    error: errorFromText(row[21] ?? null, row[10] as TaskStatus),
    attempt: Number(row[12]),
    maxAttempts: Number(row[5]),
    crashes: Number(row[13]),
    progress: (row[19] ?? null) as JsonText | null,
    tags: tagsFromText(row[8]),
    backoff: backoffFromText(row[7]),
    timeoutSeconds: numberOrNull(row[6]),
    idempotencyKey: row[9] ?? null,
    workerId: row[15] ?? null,
    runAt: Number(row[11]),
    createdAt: Number(row[4]),
    startedAt: numberOrNull(row[16]),
    finishedAt: numberOrNull(row[17]),
    cancelRequestedAt: numberOrNull(row[18]),
  }
}

function errorFromText(failure: Text, status: TaskStatus): TaskError | null {
  if (failure === null) return null
  return isTerminal(status) ? JSON.parse(failure) : JSON.parse(failure).error
}
