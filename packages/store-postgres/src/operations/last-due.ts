import { dueAgainAt, type JsonText } from '@taskyard/core'
import type { Text } from '../driver.ts'

/**
 * Joined to `find_tasks_2 AS t`: of a task that has ended, and had more leases than one or began before its time, the line of history
 * that made its last attempt due, as the columns `again.*`.
 */
export const DUE_LAST = `LEFT JOIN LATERAL @due_again(t.id) AS again ON t.finished_at IS NOT NULL AND (t.token > 1 OR t.run_at > t.started_at)`

/** When that was, ms, by these columns; `null`: when the task was submitted for, or it has not ended. */
export function lastDue([kind = null, at = null, data = null]: readonly Text[]): number | null {
  return kind === null ? null : dueAgainAt({ kind, at: Number(at), data: data as JsonText | null })
}
