import {
  type HistoryParams,
  type HistoryRecord,
  type JsonText,
  pageOfHistory,
  type TaskEvent,
  type TaskIdsParams,
  taskHistory,
  toJsonText,
} from '@taskyard/core'
import type { CallContext } from './call-context.ts'
import { SCRIPTS } from './scripts.ts'
import { F, laneTable, type StoredTask, storedTask } from './task-records.ts'

const TASKS_PER_CALL = 200
/** So many in the first answer, as nobody knows yet how large they are. */
const FIRST_TASKS = 20
/** What an answer should not exceed by much. */
const ANSWER_LENGTH = 4 * 1024 * 1024
const LINES_PER_CALL = 200

/** The tasks by id, `null` where there is none in this namespace. */
export async function findStored(
  { run, now }: CallContext,
  { namespace, taskIds }: TaskIdsParams,
): Promise<readonly (StoredTask | null)[]> {
  const found: (StoredTask | null)[] = []
  let read = 0
  for (let count = FIRST_TASKS; found.length < taskIds.length; count = tasksFor(read / found.length)) {
    const part = taskIds.slice(found.length, found.length + count)
    const [at, names, ...records] = (await run(SCRIPTS.find, [now(), namespace, ...part])) as [
      string,
      string,
      ...(string | null)[],
    ]
    const lanes = laneTable(names)
    part.forEach((id, i) => {
      const [task, state] = [records[2 * i] ?? null, records[2 * i + 1] ?? null]
      read += (task?.length ?? 0) + (state?.length ?? 0)
      found.push(task === null ? null : storedTask(id, task, state, lanes, Number(at)))
    })
  }
  return found
}

/** How many tasks to ask for, by how large they are on average. */
export function tasksFor(averageLength: number): number {
  return Math.min(TASKS_PER_CALL, Math.max(1, Math.floor(ANSWER_LENGTH / Math.max(1, averageLength))))
}

/** The port's `history`. */
export async function history(
  { run, now }: CallContext,
  { namespace, taskId, after, limit }: HistoryParams,
): Promise<readonly TaskEvent[] | null> {
  const read = (from: number) => run(SCRIPTS.history, [now(), namespace, taskId, from, LINES_PER_CALL])
  const reply = (await read(0)) as readonly (string | null)[]
  const [at, names, record, state, ...lines] = reply as [string, string, string?, (string | null)?, ...string[]]
  if (record === undefined) return null
  const { task, token } = storedTask(taskId, record, state ?? null, laneTable(names), Number(at))
  const all = [...lines]
  // The task was read before the lines that are still to come: what happens meanwhile is for the next call.
  for (let found = lines.length; found === LINES_PER_CALL; ) {
    const more = ((await read(all.length)) as readonly string[]).slice(4)
    all.push(...more)
    found = more.length
  }
  const events = taskHistory(task, token, all.map(recordOf))
  return pageOfHistory(events, { after, limit })
}

function recordOf(line: string): HistoryRecord {
  const [at, kind, attempt, token, startedAt, worker, retryAt, ...rest] = line.split(F) as string[]
  const data = rest.join(F)
  return {
    at: Number(at),
    kind: kind as HistoryRecord['kind'],
    attempt: Number(attempt),
    token: Number(token),
    startedAt: startedAt === '' ? null : Number(startedAt),
    workerId: worker === '' ? null : (JSON.parse(worker as string) as string),
    data: dataOf(kind as HistoryRecord['kind'], worker as string, retryAt as string, data),
  }
}

function dataOf(kind: HistoryRecord['kind'], worker: string, retryAt: string, data: string): JsonText | null {
  switch (kind) {
    case 'retry-scheduled':
      return `{"error":${data},"retryAt":${toJsonText(new Date(Number(retryAt)).toISOString())}}` as JsonText
    case 'lease-expired':
      return `{"workerId":${worker}}` as JsonText
    case 'failed':
    case 'cancelled':
      return data === '' ? null : (`{"error":${data}}` as JsonText)
    default:
      return data === '' ? null : (data as JsonText)
  }
}
