import type { AcceptedTask, TaskStatus } from '@taskyard/core'
import { row1, type State } from '../state.ts'
import { locate, TERMINAL } from './find.ts'
import { lastDue } from './last-due.ts'
import { promoteDue } from './promote.ts'

/** Where a task has got to, as `find` has it, without its texts, which may be large. */
export type Standing = Pick<AcceptedTask, 'status' | 'createdAt' | 'runAt'>

/** `null`: the namespace has no such task. Due tasks are made ready first, as for `find`. */
export function standing(state: State, namespace: string, taskId: string, now: number): Standing | null {
  promoteDue(state, now)
  const located = locate(state, namespace, taskId)
  if (located === null) return null
  const { seq, lane } = located
  const [createdAt, firstRunAt] = row1(
    state.sql('SELECT created_at, run_at FROM tasks WHERE seq = ?'),
    seq,
  ) as TimesColumns
  const [status, runAt] = waitingOrRunning(state, seq) ?? [
    finishedStatus(state, seq, lane),
    lastDue(state, seq) ?? firstRunAt,
  ]
  return { status, createdAt, runAt }
}

type TimesColumns = [createdAt: number, runAt: number]

function waitingOrRunning(state: State, seq: number): [TaskStatus, runAt: number] | null {
  const row = row1<[TaskStatus, number]>(
    state.sql(
      `SELECT 'queued', ready_at FROM ready WHERE seq = ?1
       UNION ALL SELECT 'running', ready_at FROM leases WHERE seq = ?1
       UNION ALL SELECT 'scheduled', run_at FROM scheduled WHERE seq = ?1`,
    ),
    seq,
  )
  return row ?? null
}

function finishedStatus(state: State, seq: number, lane: number): TaskStatus {
  const row = row1<[number]>(
    state.sql('SELECT status FROM finished WHERE lane = ? AND status IN (1, 2, 3) AND seq = ?'),
    lane,
    seq,
  )
  if (row === undefined) throw new Error(`task number ${seq} is in no state`)
  return TERMINAL[row[0] - 1] as TaskStatus
}
