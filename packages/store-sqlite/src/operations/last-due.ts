import { dueAgainAt, type JsonText } from '@taskyard/core'
import { row1, type State } from '../state.ts'

/** When the last attempt of a task that has ended was due, ms; `null`: when the task was submitted for. */
export function lastDue(state: State, seq: number): number | null {
  const last = state.sql(
    `SELECT kind, at, data FROM history WHERE seq = ? AND kind IN ('retry-scheduled', 'lease-expired', 'retried') ORDER BY n DESC LIMIT 1`,
  )
  const row = row1<[string, number, JsonText | null]>(last, seq)
  return row === undefined ? null : dueAgainAt({ kind: row[0], at: row[1], data: row[2] })
}
