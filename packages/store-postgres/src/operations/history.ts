import { type HistoryParams, type HistoryRecord, type JsonText, type TaskEvent, taskHistory } from '@taskyard/core'
import type { Parts } from '../parts.ts'
import { findTasks } from './find.ts'
import { numberOrNull } from './moves.ts'

/** An answer ends once its events reach this. */
const PAGE_BYTES = 4 * 1024 * 1024

type RecordRow = [string, HistoryRecord['kind'], string, string, string | null, string | null, string | null]

export async function history(
  parts: Parts,
  { taskId, after, limit }: HistoryParams,
): Promise<readonly TaskEvent[] | null> {
  const [found] = await findTasks(parts, [taskId])
  if (found === undefined) return null
  // Read after the task: a line that came between is about what the task already says, or is left to the next call.
  const rows = await parts.database.run<RecordRow>(
    'SELECT at, kind, attempt, token, started_at, worker_id, data FROM @history WHERE id = $1 ORDER BY n',
    [taskId],
  )
  const events = taskHistory(found.task, found.token, rows.map(recordFromRow))
  return firstBytes(events.filter(({ n }) => n > after).slice(0, limit))
}

function recordFromRow([at, kind, attempt, token, startedAt, workerId, data]: RecordRow): HistoryRecord {
  return {
    at: Number(at),
    kind,
    attempt: Number(attempt),
    token: Number(token),
    startedAt: numberOrNull(startedAt),
    workerId,
    data: data as JsonText | null,
  }
}

function firstBytes(events: readonly TaskEvent[]): readonly TaskEvent[] {
  let bytes = 0
  const end = events.findIndex(({ data }) => {
    bytes += data?.length ?? 0
    return bytes > PAGE_BYTES
  })
  return end === -1 ? events : events.slice(0, Math.max(1, end))
}
