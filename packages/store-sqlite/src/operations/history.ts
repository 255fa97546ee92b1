import type { HistoryParams, HistoryRecord, JsonText, TaskEvent } from '@taskyard/core'
import { pageOfHistory, taskHistory } from '@taskyard/core'
import { rows, type State } from '../state.ts'
import { taskFromRow } from '../wire.ts'
import { locate, taskRowBySeq } from './find.ts'
import { promoteDue } from './promote.ts'

type RecordRow = [number, HistoryRecord['kind'], number, number, number | null, string | null, string | null]

/** The port's `history`; `null`: the namespace has no such task. */
export function history(
  state: State,
  { namespace, taskId, after, limit }: HistoryParams,
  now: number,
): readonly TaskEvent[] | null {
  promoteDue(state, now)
  const located = locate(state, namespace, taskId)
  const row = located && taskRowBySeq(state, located.seq)
  if (!located || !row) return null
  const records = rows<RecordRow>(
    state.sql('SELECT at, kind, attempt, token, started_at, worker_id, data FROM history WHERE seq = ? ORDER BY n'),
    located.seq,
  )
  const events = taskHistory(taskFromRow(row), row[23], records.map(recordFromRow))
  return pageOfHistory(events, { after, limit })
}

function recordFromRow([at, kind, attempt, token, startedAt, workerId, data]: RecordRow): HistoryRecord {
  return { at, kind, attempt, token, startedAt, workerId, data: data as JsonText | null }
}
