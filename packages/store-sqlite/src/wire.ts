import type { Backoff, JsonText, LeasedTask, Task, TaskError, TaskStatus } from '@taskyard/core'
import { DEFAULT_BACKOFF } from '@taskyard/core'

/**
 * A task on its way between the threads: a flat array, because structured cloning writes the property names of every
 * object again, which costs more than the values.
 */
export type TaskRow = [
  id: string,
  namespace: string,
  queue: string,
  type: string,
  status: TaskStatus,
  priority: number,
  payload: string,
  result: string | null,
  error: string | null,
  attempt: number,
  maxAttempts: number,
  crashes: number,
  progress: string | null,
  tags: string | null,
  backoff: string | null,
  timeoutSeconds: number | null,
  idempotencyKey: string | null,
  workerId: string | null,
  runAt: number,
  createdAt: number,
  startedAt: number | null,
  finishedAt: number | null,
  cancelRequestedAt: number | null,
  token: number,
  expiresAt: number,
]

const NO_TAGS: readonly string[] = []

export function taskFromRow(row: TaskRow): Task {
  return {
    id: row[0],
    namespace: row[1],
    queue: row[2],
    type: row[3],
    status: row[4],
    priority: row[5],
    payload: row[6] as JsonText,
    result: row[7] as JsonText | null,
    error: row[8] === null ? null : (JSON.parse(row[8]) as TaskError),
    attempt: row[9],
    maxAttempts: row[10],
    crashes: row[11],
    progress: row[12] as JsonText | null,
    tags: row[13] === null ? NO_TAGS : (JSON.parse(row[13]) as string[]),
    backoff: backoffFromText(row[14]),
    timeoutSeconds: row[15],
    idempotencyKey: row[16],
    workerId: row[17],
    runAt: row[18],
    createdAt: row[19],
    startedAt: row[20],
    finishedAt: row[21],
    cancelRequestedAt: row[22],
  }
}

export function leasedTaskFromRow(row: TaskRow): LeasedTask {
  const task = taskFromRow(row) as { -readonly [Key in keyof LeasedTask]: LeasedTask[Key] }
  task.lease = { token: row[23], expiresAt: row[24] }
  return task
}

export function backoffFromText(text: string | null): Backoff {
  return text === null ? DEFAULT_BACKOFF : (JSON.parse(text) as Backoff)
}
