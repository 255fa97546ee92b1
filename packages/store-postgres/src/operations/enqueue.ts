import type { EnqueueOutcome, EnqueueParams, NewTask } from '@taskyard/core'
import { ids, joinJson, numbers, quoted, unlessAll } from '../arrays.ts'
import type { Run } from '../database.ts'
import { executorOf } from '../join-transaction.ts'
import type { Parts } from '../parts.ts'
import { STATEMENT_SIZE } from '../parts-by-size.ts'
import { isDuplicate, mayHaveChanged } from '../postgres-errors.ts'
import type { Claims } from './claim.ts'
import { enqueueCarefully } from './enqueue-carefully.ts'
import { outlastFullLocks } from './outlast-full-locks.ts'
import type { QueueDepths } from './queue-depths.ts'
import { dropProof, isRefusedByProof } from './slot-proof.ts'
import { isDefaultBackoff } from './task-columns.ts'

/** What is in the transaction of somebody else is tried once: when it fails, so has the transaction. */
export async function enqueue(
  parts: Parts,
  claims: Claims,
  depths: QueueDepths,
  params: EnqueueParams,
): Promise<readonly EnqueueOutcome[]> {
  if (params.tx !== undefined) return enqueueProven(parts, claims, depths, params)
  return outlastFullLocks(params.submissions, (submissions) =>
    enqueueProven(parts, claims, depths, { ...params, submissions }),
  )
}

/** A proof that refuses tasks is dropped, and the call made again. */
async function enqueueProven(
  parts: Parts,
  claims: Claims,
  depths: QueueDepths,
  params: EnqueueParams,
): Promise<readonly EnqueueOutcome[]> {
  try {
    return await enqueueOnce(parts, claims, depths, params)
  } catch (error) {
    if (!isRefusedByProof(error)) throw error
    await dropProof(parts.maintenance)
    if (params.tx !== undefined) throw error
    return enqueueOnce(parts, claims, depths, params)
  }
}

/**
 * New tasks without idempotency keys, far from the depth of their queues, are one statement. Where something may refuse
 * a submission it is judged by itself, in a transaction; so are those that are too much for one statement.
 */
async function enqueueOnce(
  parts: Parts,
  claims: Claims,
  depths: QueueDepths,
  params: EnqueueParams,
): Promise<readonly EnqueueOutcome[]> {
  const tasks = params.submissions.flatMap((submission) => submission.tasks)
  const laneNumbers = await parts.lanes.intern(tasks)
  const laneOf = new Map(tasks.map((task, i) => [task, laneNumbers[i] as number]))
  const hasRoom = await depths.haveRoom(tasks, params.queueDepth)
  if (params.tx !== undefined) return enqueueInTransaction(parts, params, laneOf, hasRoom)
  if (hasRoom && !hasKeys(tasks) && isSmall(tasks)) {
    let claimed = new Set<string>()
    const run: Run = async (text, values = []) => {
      const sent = await claims.claimBehind({ text, values }, () => foretell(parts, tasks))
      claimed = new Set(sent.tasks.map(({ id }) => id))
      return sent.before as never
    }
    const outcomes = await enqueuePlainly(parts, run, params, laneOf)
    if (outcomes !== null) {
      await noteSkew(parts, outcomes)
      if (!tasks.every(({ id }) => claimed.has(id))) parts.readied(readyLanes(outcomes, laneNumbers))
      return outcomes
    }
  }
  const outcomes = await parts.lockTurns.inTurn(params.submissions, hasRoom, () =>
    parts.database.transaction((run) => enqueueCarefully(parts, run, params, laneOf, hasRoom)),
  )
  await noteSkew(parts, outcomes)
  parts.readied(readyLanes(outcomes, laneNumbers))
  return outcomes
}

/** After the commit: whoever holds a connection and waits for another one may wait for others that do the same. */
async function noteSkew({ idSkew }: Parts, outcomes: readonly EnqueueOutcome[]): Promise<void> {
  const accepted = outcomes.find((outcome) => outcome.kind === 'accepted')
  const stored = accepted?.tasks.find(({ replayed }) => !replayed)
  if (stored !== undefined) await idSkew.note(stored.id, stored.createdAt).catch(mayHaveChanged)
}

function isSmall(tasks: readonly NewTask[]): boolean {
  return tasks.reduce((size, { payload }) => size + payload.length, 0) <= STATEMENT_SIZE
}

/** So many tasks at once are too many for a claim to wait for. */
const MANY = 100

function foretell(parts: Parts, tasks: readonly NewTask[]): void {
  if (tasks.length >= MANY) return
  const lanes = tasks.filter(({ runAt, delayMs }) => runAt === null && delayMs === 0)
  if (lanes.length > 0) parts.foretell(lanes)
}

/** Joins the caller's transaction: other processes, and this one, hear of the tasks when it commits. */
async function enqueueInTransaction(
  parts: Parts,
  params: EnqueueParams,
  laneOf: ReadonlyMap<NewTask, number>,
  hasRoom: boolean,
): Promise<readonly EnqueueOutcome[]> {
  const execute = executorOf(params.tx)
  const run: Run = async (text, values = []) => (await execute(parts.database.inSchema(text), values)) as never
  const tasks = params.submissions.flatMap((submission) => submission.tasks)
  const isPlain = hasRoom && !hasKeys(tasks) && isSmall(tasks)
  const outcomes =
    (isPlain ? await enqueuePlainly(parts, run, params, laneOf) : null) ??
    (await enqueueCarefully(parts, run, params, laneOf, hasRoom))
  await noteSkew(parts, outcomes)
  const lanes = [...new Set(readyLanes(outcomes, [...laneOf.values()]))]
  if (lanes.length > 0) {
    await run('SELECT pg_notify($1::text, $2::text)::text', [
      `${parts.database.schema}:ready`,
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
async function enqueuePlainly(
  { time }: Parts,
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

export function runAtOf({ runAt, delayMs }: NewTask, now: number): number {
  return Math.max(now, runAt ?? now + delayMs)
}

/** Stores tasks in one statement and gives the time; fails when one of the ids is there already. */
export async function insertTasks(
  run: Run,
  [now, atLeast]: readonly [number | null, number],
  tasks: readonly NewTask[],
  laneOf: ReadonlyMap<NewTask, number>,
): Promise<number> {
  const [row] = await run<[string]>(
    `SELECT now FROM @submit_tasks_2($1::bigint, $2::bigint, $3::uuid[], $4::integer[], $5::text, $6::smallint[], $7::bigint[],
       $8::bigint[], $9::smallint[], $10::double precision[], $11::text[], $12::text[], $13::text[], $14::integer[], $15::text[])`,
    [now, atLeast, ...taskColumns(tasks, laneOf), ...tagColumns(tasks)],
  )
  return Number(row?.[0])
}

/** Which task each tag is of, counted from 1, and the tags. */
function tagColumns(tasks: readonly NewTask[]): readonly [string, string] {
  const tagged = tasks.flatMap(({ tags }, i) => tags.map((tag) => ({ n: i + 1, tag })))
  return [numbers(tagged.map(({ n }) => n)), `{${tagged.map(({ tag }) => quoted(tag)).join(',')}}`]
}

function taskColumns(tasks: readonly NewTask[], laneOf: ReadonlyMap<NewTask, number>): string[] {
  const isNull = (value: unknown) => value === null
  return [
    ids(tasks.map(({ id }) => id)),
    numbers(tasks.map((task) => laneOf.get(task) as number)),
    joinJson(tasks.map(({ payload }) => payload)),
    unlessAll(
      tasks.map(({ priority }) => priority),
      (priority) => priority === 0,
      String,
    ),
    unlessAll(
      tasks.map(({ runAt }) => runAt),
      isNull,
      (runAt) => String(runAt ?? 'NULL'),
    ),
    unlessAll(
      tasks.map(({ delayMs }) => delayMs),
      (delayMs) => delayMs === 0,
      String,
    ),
    unlessAll(
      tasks.map(({ maxAttempts }) => maxAttempts),
      (maxAttempts) => maxAttempts === 10,
      String,
    ),
    unlessAll(
      tasks.map(({ timeoutSeconds }) => timeoutSeconds),
      (seconds) => seconds === 3600,
      (seconds) => String(seconds ?? -1),
    ),
    unlessAll(
      tasks.map(({ backoff }) => backoff),
      isDefaultBackoff,
      (backoff) => (isDefaultBackoff(backoff) ? '""' : quoted(JSON.stringify(backoff))),
    ),
    unlessAll(
      tasks.map(({ tags }) => tags),
      isEmpty,
      (tags) => (isEmpty(tags) ? '""' : quoted(JSON.stringify(tags))),
    ),
    unlessAll(
      tasks.map(({ idempotency }) => idempotency),
      isNull,
      (idempotency) => quoted(idempotency?.key ?? ''),
    ),
  ]
}

function isEmpty(list: readonly unknown[]): boolean {
  return list.length === 0
}
