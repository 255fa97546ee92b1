import {
  type DeleteOutcome,
  type DeleteParams,
  TERMINAL_STATUS_NUMBER,
  TERMINAL_STATUSES,
  type TerminalStatus,
} from '@taskyard/core'
import { row1, type State } from '../state.ts'
import { locate, unfinishedStatus } from './find.ts'
import { promoteDue } from './promote.ts'
import { FINISHED_COLUMNS, type FinishedRow, keepFloorBelowNext, removeEnded } from './retention.ts'

/** The port's `delete`. An id that is named again has been deleted by then. */
export function deleteTasks(
  state: State,
  { namespace, taskIds, statuses = TERMINAL_STATUSES }: DeleteParams,
  now: number,
): DeleteOutcome[] {
  promoteDue(state, now)
  const select = state.sql(
    `SELECT ${FINISHED_COLUMNS} FROM finished WHERE lane = ? AND status IN (1, 2, 3) AND seq = ?`,
  )
  const ended = new Map<number, FinishedRow>()
  const outcomes = taskIds.map((taskId): DeleteOutcome => {
    const task = locate(state, namespace, taskId)
    if (task === null || ended.has(task.seq)) return { kind: 'not-found' }
    const unfinished = unfinishedStatus(state, task.seq)
    if (unfinished !== null) return { kind: 'kept', status: unfinished }
    const row = row1<FinishedRow>(select, task.lane, task.seq) as FinishedRow
    const status = TERMINAL_STATUSES.find((one) => TERMINAL_STATUS_NUMBER[one] === row[3]) as TerminalStatus
    if (!statuses.includes(status)) return { kind: 'kept', status }
    ended.set(task.seq, row)
    return { kind: 'deleted' }
  })
  removeEnded(state, [...ended.values()])
  keepFloorBelowNext(state)
  return outcomes
}
