import { withinBytes } from './by-bytes.ts'
import { type JsonText, toJsonText } from './json.ts'
import { LIMITS } from './limits.ts'
import type { HistoryParams } from './ports/reads.ts'
import type { Task } from './task.ts'
import type { TaskEvent, TaskEventKind } from './task-event.ts'

/**
 * One stored line of history. Stores write one for everything that the task itself does not say: progress, logs, and
 * each attempt that did not end the task. An attempt's end also carries its start.
 */
export interface HistoryRecord {
  readonly at: number
  readonly kind: Exclude<TaskEventKind, 'submitted' | 'started'>
  readonly attempt: number
  readonly token: number
  readonly startedAt: number | null
  readonly workerId: string | null
  readonly data: JsonText | null
}

type Start = Pick<HistoryRecord, 'token' | 'attempt' | 'startedAt' | 'workerId'>

/**
 * A task's whole history. Submission, starts and the present end are derived from the task, so that the common task
 * (submitted, started, succeeded) stores no history at all. Numbers are stable: later records only append. Those of a later
 * lease than the task's came after it was read, without the start of that lease: they are left to the next call.
 * @param token the token of the task's present or last lease
 */
export function taskHistory(task: Task, token: number, records: readonly HistoryRecord[]): TaskEvent[] {
  const events: TaskEvent[] = []
  const add = (at: number, kind: TaskEventKind, attempt: number, data: JsonText | null) =>
    events.push({ n: events.length + 1, at, kind, attempt, data })
  const starts = startsByToken(task, token, records)
  const begin = (startToken: number) => {
    const start = starts.get(startToken)
    if (start === undefined || start.startedAt === null) return
    starts.delete(startToken)
    add(start.startedAt, 'started', start.attempt, toJsonText({ workerId: start.workerId }))
  }
  add(task.createdAt, 'submitted', 0, null)
  for (const record of records) {
    if (record.token > token) break
    begin(record.token)
    add(record.at, record.kind, record.attempt, record.data)
  }
  if (task.startedAt !== null) begin(token)
  if (task.finishedAt !== null) add(task.finishedAt, task.status as TaskEventKind, task.attempt, endData(task))
  return events
}

/** Those of a task's events that one answer has. */
export function pageOfHistory(
  events: readonly TaskEvent[],
  { after, limit }: Pick<HistoryParams, 'after' | 'limit'>,
  bytesOf: (event: TaskEvent) => number = bytesOfData,
): readonly TaskEvent[] {
  return withinBytes(events.filter(({ n }) => n > after).slice(0, limit), LIMITS.pageBytes, bytesOf)
}

function bytesOfData({ data }: TaskEvent): number {
  return Buffer.byteLength(data ?? '')
}

function startsByToken(task: Task, token: number, records: readonly HistoryRecord[]): Map<number, Start> {
  const starts = new Map<number, Start>()
  for (const record of records) if (record.startedAt !== null) starts.set(record.token, record)
  if (task.startedAt !== null) {
    starts.set(token, { token, attempt: task.attempt, startedAt: task.startedAt, workerId: task.workerId })
  }
  return starts
}

function endData(task: Task): JsonText | null {
  if (task.status === 'succeeded') return task.result
  return task.error === null ? null : toJsonText({ error: task.error })
}
