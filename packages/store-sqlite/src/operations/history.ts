import type { HistoryParams, HistoryRecord, JsonText, TaskEvent } from '@taskyard/core'
import { taskHistory } from '@taskyard/core'
import { rows, type State } from '../state.ts'
import { taskFromRow } from '../wire.ts'
import { locate, taskRowBySeq } from './find.ts'
import { promoteDue } from './promote.ts'

/** An answer ends once its events reach this. */
const PAGE_BYTES = 4 * 1024 * 1024

type RecordRow = [number, HistoryRecord['kind'], number, number, number | null, string | null, string | null]

export function history(
  state: State,
  { taskId, after, limit }: HistoryParams,
  now: number,
): readonly TaskEvent[] | null {
  promoteDue(state, now)
  const located = locate(state, taskId)
  const row = located && taskRowBySeq(state, located.seq)
  if (!located || !row) return null
  const records = rows<RecordRow>(
    state.sql('SELECT at, kind, attempt, token, started_at, worker_id, data FROM history WHERE seq = ? ORDER BY n'),
    located.seq,
  )
  const events = taskHistory(taskFromRow(row), row[23], records.map(recordFromRow))
  return firstBytes(events.filter(({ n }) => n > after).slice(0, limit))
}

function firstBytes(events: readonly TaskEvent[]): readonly TaskEvent[] {
  let bytes = 0
  const end = events.findIndex(({ data }) => {
    bytes += Buffer.byteLength(data ?? '')
    return bytes > PAGE_BYTES
  })
  return end === -1 ? events : events.slice(0, Math.max(1, end))
}

function recordFromRow([at, kind, attempt, token, startedAt, workerId, data]: RecordRow): HistoryRecord {
  return { at, kind, attempt, token, startedAt, workerId, data: data as JsonText | null }
}
