import {
  type CancelOutcome,
  isTerminal,
  RETRYABLE_STATUSES,
  type RetryOutcome,
  type RetryParams,
  type TaskIdsParams,
  type TaskStatus,
  TaskyardError,
} from '@taskyard/core'
import type { Database } from '../database.ts'
import { type LightTask, statusOf } from '../documents.ts'
import { moveGrownTails } from '../move-tails.ts'
import { finish, requestCancel, retry as retryTask, type Transition } from '../transitions.ts'
import { apply, readLight } from '../write-transitions.ts'

/** What a call on one task comes to: an answer at once, or one when the transition has been applied. */
interface Judgement<Outcome> {
  readonly outcome: Outcome
  readonly transition: Transition | null
}

/** The port's `cancel`. What waits ends here, of what runs the worker is asked, once. */
export function cancel(database: Database, params: TaskIdsParams, now: number): Promise<CancelOutcome[]> {
  return changeEach<CancelOutcome>(database, params, now, (task) => {
    if (task === undefined) return { outcome: { kind: 'not-found' }, transition: null }
    const status = statusOf(task, now)
    if (isTerminal(status)) return { outcome: { kind: 'ended', status }, transition: null }
    if (status !== 'running') return { outcome: { kind: 'cancelled' }, transition: finish(task, 'cancelled', now, {}) }
    const isNew = task.cancelRequestedAt === undefined
    const outcome = { kind: 'requested', workerId: task.workerId ?? '' } as const
    return { outcome, transition: isNew ? requestCancel(task, now) : null }
  })
}

/** The port's `retry`. Token and history go on; attempts and crashes begin anew. */
export function retry(
  database: Database,
  { statuses = RETRYABLE_STATUSES, ...params }: RetryParams,
  now: number,
): Promise<RetryOutcome[]> {
  const wanted: readonly TaskStatus[] = statuses
  return changeEach<RetryOutcome>(database, params, now, (task) => {
    if (task === undefined) return { outcome: { kind: 'not-found' }, transition: null }
    const status = statusOf(task, now)
    if (!wanted.includes(status)) return { outcome: { kind: 'not-retryable', status }, transition: null }
    return { outcome: { kind: 'retried' }, transition: retryTask(task, now) }
  })
}

/**
 * Rounds of reading, judging and writing what others keep changing: workers of a busy queue may be quicker many times. Fewer
 * tasks are left in each, and each is quicker; the time of the call bounds them before this does.
 */
const MOST_ROUNDS = 200

/** Reads, judges and moves the tasks, again where somebody else was quicker. An id named twice is judged again after the first. */
async function changeEach<Outcome>(
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
    const judged = await changeRound(database, open, judge, { namespace, now, counting })
    for (const [index, outcome] of judged) outcomes.set(index, outcome)
    open = open.filter(({ index }) => !outcomes.has(index))
  }
  await Promise.all(counting)
  return taskIds.map((_, index) => outcomes.get(index) as Outcome)
}

async function changeRound<Outcome>(
  database: Database,
  open: readonly { readonly id: string; readonly index: number }[],
  judge: (task: LightTask | undefined) => Judgement<Outcome>,
  { namespace, now, counting }: { namespace: string; now: number; counting: Promise<void>[] },
): Promise<ReadonlyMap<number, Outcome>> {
  const ids = open.map(({ id }) => id)
  const tasks = await readLight(database, namespace, ids)
  const judged = new Map<number, Outcome>()
  const transitions = new Map<Transition, { index: number; outcome: Outcome }>()
  const moving = new Set<string>()
  for (const { id, index } of open) {
    const { outcome, transition } = judge(tasks.get(id))
    if (transition === null) judged.set(index, outcome)
    else if (!moving.has(id)) {
      moving.add(id)
      transitions.set(transition, { index, outcome })
    }
  }
  const applied = await apply(database, [...transitions.keys()], now, counting)
  for (const [transition, { index, outcome }] of transitions) if (applied.has(transition)) judged.set(index, outcome)
  await moveGrownTails(
    database,
    [...applied].map(({ task }) => task),
  )
  return judged
}
