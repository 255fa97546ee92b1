import {
  type EnqueueOutcome,
  type EnqueueParams,
  JOINABLE_BELOW_TASKS,
  lanesReadyAtOnce,
  type NewTask,
} from '@taskyard/core'
import type { Run } from '../database.ts'
import { executorOf } from '../join-transaction.ts'
import { STATEMENT_SIZE } from '../parts-by-size.ts'
import { isDuplicate, mayHaveChanged } from '../postgres-errors.ts'
import type { StoreContext } from '../store-context.ts'
import type { Claims } from './claim.ts'
import { enqueueChecked } from './enqueue-checked.ts'
import { insertTasks, runAtOf } from './insert-tasks.ts'
import type { QueueDepths } from './queue-depths.ts'
import { retryOnFullLocks } from './retry-on-full-locks.ts'
import { dropProof, isRefusedByProof } from './time-slot-proof.ts'

/** What is in the transaction of somebody else is tried once: when it fails, so has the transaction. */
export async function enqueue(
  context: StoreContext,
  claims: Claims,
  depths: QueueDepths,
  params: EnqueueParams,
): Promise<readonly EnqueueOutcome[]> {
  if (params.tx !== undefined) return enqueueProven(context, claims, depths, params)
  return retryOnFullLocks(params.submissions, (submissions) =>
    enqueueProven(context, claims, depths, { ...params, submissions }),
  )
}

/** A proof that refuses tasks is dropped, and the call made again. */
async function enqueueProven(
  context: StoreContext,
  claims: Claims,
  depths: QueueDepths,
  params: EnqueueParams,
): Promise<readonly EnqueueOutcome[]> {
  try {
    return await enqueueOnce(context, claims, depths, params)
  } catch (error) {
    if (!isRefusedByProof(error)) throw error
    await dropProof(context.maintenance)
    if (params.tx !== undefined) throw error
    return enqueueOnce(context, claims, depths, params)
  }
}

/**
 * New tasks without idempotency keys, far from the depth of their queues, are one statement. Where something may refuse
 * a submission it is judged by itself, in a transaction; so are those that are too much for one statement.
 */
async function enqueueOnce(
  context: StoreContext,
  claims: Claims,
  depths: QueueDepths,
  params: EnqueueParams,
): Promise<readonly EnqueueOutcome[]> {
  const tasks = params.submissions.flatMap((submission) => submission.tasks)
  const laneNumbers = await context.lanes.intern(tasks)
  const laneOf = new Map(tasks.map((task, i) => [task, laneNumbers[i] as number]))
  const hasRoom = await depths.haveRoom(tasks, params.queueDepth)
  if (params.tx !== undefined) return enqueueInTransaction(context, params, laneOf, hasRoom)
  if (hasRoom && !hasKeys(tasks) && isSmall(tasks)) {
    let claimed = new Set<string>()
    const hintReady = () => {
      const lanes = lanesReadyAtOnce(params.submissions, JOINABLE_BELOW_TASKS)
      if (lanes.length > 0) context.hintReady(lanes)
    }
    const run: Run = async (text, values = []) => {
      const sent = await claims.runWithJoiningClaim({ text, values }, hintReady)
      claimed = new Set(sent.tasks.map(({ id }) => id))
      return sent.before as never
    }
    const outcomes = await enqueueUnchecked(context, run, params, laneOf)
    if (outcomes !== null) {
      await noteSkew(context, outcomes)
      if (!tasks.every(({ id }) => claimed.has(id))) context.publishReady(readyLanes(outcomes, laneNumbers))
      return outcomes
    }
  }
  const outcomes = await context.lockTurns.inTurn(params.submissions, hasRoom, () =>
    context.database.transaction((run) => enqueueChecked(context, run, params, laneOf, hasRoom)),
  )
  await noteSkew(context, outcomes)
  context.publishReady(readyLanes(outcomes, laneNumbers))
  return outcomes
}

/** After the commit: whoever holds a connection and waits for another one may wait for others that do the same. */
async function noteSkew({ idSkew }: StoreContext, outcomes: readonly EnqueueOutcome[]): Promise<void> {
  const accepted = outcomes.find((outcome) => outcome.kind === 'accepted')
  const stored = accepted?.tasks.find(({ replayed }) => !replayed)
  if (stored !== undefined) await idSkew.note(stored.id, stored.createdAt).catch(mayHaveChanged)
}

function isSmall(tasks: readonly NewTask[]): boolean {
  return tasks.reduce((size, { payload }) => size + payload.length, 0) <= STATEMENT_SIZE
}

/** Joins the caller's transaction: other processes, and this one, hear of the tasks when it commits. */
async function enqueueInTransaction(
  context: StoreContext,
  params: EnqueueParams,
  laneOf: ReadonlyMap<NewTask, number>,
  hasRoom: boolean,
): Promise<readonly EnqueueOutcome[]> {
  const execute = executorOf(params.tx)
  const run: Run = async (text, values = []) => (await execute(context.database.inSchema(text), values)) as never
  const tasks = params.submissions.flatMap((submission) => submission.tasks)
  const needsNoCheck = hasRoom && !hasKeys(tasks) && isSmall(tasks)
  const outcomes =
    (needsNoCheck ? await enqueueUnchecked(context, run, params, laneOf) : null) ??
    (await enqueueChecked(context, run, params, laneOf, hasRoom))
  await noteSkew(context, outcomes)
  const lanes = [...new Set(readyLanes(outcomes, [...laneOf.values()]))]
  if (lanes.length > 0) {
    await run('SELECT pg_notify($1::text, $2::text)::text', [
      `${context.database.schema}:ready`,
      JSON.stringify({ from: '', lanes }),
    ])
  }
  return outcomes
}

function hasKeys(tasks: readonly NewTask[]): boolean {
  return tasks.some(({ idempotency }) => idempotency !== null)
}

function readyLanes(outcomes: readonly EnqueueOutcome[], laneNumbers: readonly number[]): number[] {
  return outcomes.some(({ kind }) => kind === 'accepted') ? [...new Set(laneNumbers)] : []
}

/** `null` when some ids are there already: the same call came again after its reply was lost. */
async function enqueueUnchecked(
  { time }: StoreContext,
  run: Run,
  { submissions }: EnqueueParams,
  laneOf: ReadonlyMap<NewTask, number>,
): Promise<EnqueueOutcome[] | null> {
  const tasks = submissions.flatMap((submission) => submission.tasks)
  let now: number
  try {
    now = time.saw(await insertTasks(run, time.params(), tasks, laneOf))
  } catch (error) {
    if (isDuplicate(error)) return null
    throw error
  }
  return submissions.map((submission) => ({
    kind: 'accepted',
    tasks: submission.tasks.map((task) => {
      const runAt = runAtOf(task, now)
      return { id: task.id, status: runAt > now ? 'scheduled' : 'queued', createdAt: now, runAt, replayed: false }
    }),
  }))
}
