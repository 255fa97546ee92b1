import {
  type CancelOutcome,
  isTerminal,
  type RetryOutcome,
  type TaskIdsParams,
  TaskyardError,
  type TerminalStatus,
} from '@taskyard/core'
import type { Database } from '../database.ts'
import { type LightTask, statusOf } from '../documents.ts'
import { apply, readLight } from '../moves.ts'
import { spillTails } from '../spill.ts'
import { finish, type Move, requestCancel, retry as retryTask } from '../transitions.ts'

/** What a call on one task comes to: an answer at once, or one when the move has been applied. */
interface Judgement<Outcome> {
  readonly outcome: Outcome
  readonly move: Move | null
}

export function cancel(database: Database, params: TaskIdsParams, now: number): Promise<CancelOutcome[]> {
  return steer<CancelOutcome>(database, params, now, (task) => {
    if (task === undefined) return { outcome: { kind: 'not-found' }, move: null }
    const status = statusOf(task, now)
    if (isTerminal(status)) return { outcome: { kind: 'ended', status }, move: null }
    if (status !== 'running') return { outcome: { kind: 'cancelled' }, move: finish(task, 'cancelled', now, {}) }
    const isNew = task.cancelRequestedAt === undefined
    const outcome = { kind: 'requested', workerId: task.workerId ?? '' } as const
    return { outcome, move: isNew ? requestCancel(task, now) : null }
  })
}

export function retry(database: Database, params: TaskIdsParams, now: number): Promise<RetryOutcome[]> {
  return steer<RetryOutcome>(database, params, now, (task) => {
    if (task === undefined) return { outcome: { kind: 'not-found' }, move: null }
    const status = statusOf(task, now)
    if (!isRetryable(status)) return { outcome: { kind: 'not-retryable', status }, move: null }
    return { outcome: { kind: 'retried' }, move: retryTask(task, now) }
  })
}

function isRetryable(status: string): status is TerminalStatus {
  return status === 'failed' || status === 'cancelled'
}

/**
 * Rounds of reading, judging and writing what others keep changing: workers of a busy queue may be quicker many times. Fewer
 * tasks are left in each, and each is quicker; the time of the call bounds them before this does.
 */
const MOST_ROUNDS = 200

/** Reads, judges and moves the tasks, again where somebody else was quicker. An id named twice is judged again after the first. */
async function steer<Outcome>(
  database: Database,
  { namespace, taskIds }: TaskIdsParams,
  now: number,
  judge: (task: LightTask | undefined) => Judgement<Outcome>,
): Promise<Outcome[]> {
  const outcomes = new Map<number, Outcome>()
  const counting: Promise<void>[] = []
  let open = taskIds.map((id, index) => ({ id, index }))
  for (let round = 0; open.length > 0; round++) {
    if (round === MOST_ROUNDS)
      throw new TaskyardError('store_unavailable', { reason: 'others keep changing the tasks' })
    const judged = await steerRound(database, open, judge, { namespace, now, counting })
    for (const [index, outcome] of judged) outcomes.set(index, outcome)
    open = open.filter(({ index }) => !outcomes.has(index))
  }
  await Promise.all(counting)
  return taskIds.map((_, index) => outcomes.get(index) as Outcome)
}

async function steerRound<Outcome>(
  database: Database,
  open: readonly { readonly id: string; readonly index: number }[],
  judge: (task: LightTask | undefined) => Judgement<Outcome>,
  { namespace, now, counting }: { namespace: string; now: number; counting: Promise<void>[] },
): Promise<ReadonlyMap<number, Outcome>> {
  const ids = open.map(({ id }) => id)
  const tasks = await readLight(database, namespace, ids)
  const judged = new Map<number, Outcome>()
  const moves = new Map<Move, { index: number; outcome: Outcome }>()
  const moving = new Set<string>()
  for (const { id, index } of open) {
    const { outcome, move } = judge(tasks.get(id))
    if (move === null) judged.set(index, outcome)
    else if (!moving.has(id)) {
      moving.add(id)
      moves.set(move, { index, outcome })
    }
  }
  const applied = await apply(database, [...moves.keys()], now, counting)
  for (const [move, { index, outcome }] of moves) if (applied.has(move)) judged.set(index, outcome)
  await spillTails(
    database,
    [...applied].map(({ task }) => task),
  )
  return judged
}
