import { earliestScheduled, rows, type State } from '../state.ts'
import { makeReady, take } from './transition.ts'

/** Due tasks made ready in one go. A burst beyond it follows with the next call. */
const AT_ONCE = 10_000

/**
 * Makes due tasks ready. Runs before everything that looks at waiting tasks, so that a due task is never seen as
 * scheduled; costs one comparison when nothing is due.
 */
export function promoteDue(state: State, now: number): number {
  if (state.nextDue > now) return 0
  const due = rows<[number, number, number, number, number, number, number]>(
    state.sql(
      `SELECT s.seq, s.lane, t.priority, s.run_at, s.attempt, s.token, s.crashes
       FROM scheduled s JOIN tasks t USING (seq) WHERE s.run_at <= ? ORDER BY s.run_at LIMIT ${AT_ONCE}`,
    ),
    now,
  )
  for (const [seq, lane, priority, runAt, attempt, token, crashes] of due) {
    take(state, 'scheduled', seq, lane)
    makeReady(state, { seq, lane, priority, attempt, token, crashes }, runAt)
  }
  state.nextDue = earliestScheduled(state)
  return due.length
}
