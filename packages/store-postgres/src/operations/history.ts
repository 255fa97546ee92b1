import {
  type HistoryParams,
  type HistoryRecord,
  type JsonText,
  LIMITS,
  pageOfHistory,
  type TaskEvent,
  taskHistory,
} from '@taskyard/core'
import { numbers } from '../arrays.ts'
import type { Text } from '../driver.ts'
import type { StoreContext } from '../store-context.ts'
import { numberOrNull } from './column-text.ts'
import { findTasks } from './find.ts'

type RecordRow = [
  n: string,
  at: string,
  kind: HistoryRecord['kind'],
  attempt: string,
  token: string,
  startedAt: Text,
  workerId: Text,
  bytes: Text,
  data: Text,
]

/** A page reads the lines of the whole history, which number its events, but of a long one only the data of its own. */
export async function history(
  context: StoreContext,
  { namespace, taskId, after, limit }: HistoryParams,
): Promise<readonly TaskEvent[] | null> {
  const [found] = await findTasks(context, namespace, [taskId])
  if (found === undefined) return null
  // Read after the task: a line that came between is about what the task already says, or is left to the next call.
  const rows = await context.database.run<RecordRow>(
    `SELECT n, at, kind, attempt, token, started_at, worker_id, octet_length(data),
       CASE WHEN sum(octet_length(data)) OVER () <= $2 THEN data END
     FROM @history WHERE id = $1 ORDER BY n`,
    [taskId, LIMITS.pageBytes],
  )
  const events = taskHistory(found.task, found.token, rows.map(recordFromRow))
  const bytesByMark = new Map(rows.map((row) => [markOf(row), Number(row[7])]))
  const bytesOf = ({ data }: TaskEvent) => (data === null ? 0 : (bytesByMark.get(data) ?? data.length))
  return withData(context, taskId, pageOfHistory(events, { after, limit }, bytesOf))
}

/** Stands for the data of a line while it is not known whether the page holds it. JSON text never begins so. */
const MARK = '\0'

function markOf([n, , , , , , , bytes, data]: RecordRow): JsonText | null {
  return (bytes !== null && data === null ? `${MARK}${n}` : data) as JsonText | null
}

function recordFromRow(row: RecordRow): HistoryRecord {
  const [, at, kind, attempt, token, startedAt, workerId] = row
  return {
    at: Number(at),
    kind,
    attempt: Number(attempt),
    token: Number(token),
    startedAt: numberOrNull(startedAt),
    workerId,
    data: markOf(row),
  }
}

async function withData(
  { database }: StoreContext,
  taskId: string,
  events: readonly TaskEvent[],
): Promise<readonly TaskEvent[]> {
  const marks = events.flatMap(({ data }) => (data?.startsWith(MARK) ? [Number(data.slice(MARK.length))] : []))
  if (marks.length === 0) return events
  const rows = await database.run<[n: string, data: Text]>(
    'SELECT n, data FROM @history WHERE id = $1 AND n = ANY ($2::integer[])',
    [taskId, numbers(marks)],
  )
  const dataOf = new Map(rows.map(([n, data]) => [`${MARK}${n}`, data as JsonText | null]))
  return events.map((event) =>
    event.data?.startsWith(MARK) ? { ...event, data: dataOf.get(event.data) ?? null } : event,
  )
}
