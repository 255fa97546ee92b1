import { type EnqueueOutcome, type EnqueueParams, LIMITS, type NewTask, type TaskStatus } from '@taskyard/core'
import { ids } from '../arrays.ts'
import type { Run } from '../database.ts'
import type { Text } from '../driver.ts'
import { partsBySize, STATEMENT_SIZE } from '../parts-by-size.ts'
import type { StoreContext } from '../store-context.ts'
import { insertTasks } from './insert-tasks.ts'
import { DUE_LAST, lastDue } from './last-due.ts'
import { waitingIn } from './queue-depths.ts'
import { type Known, SubmissionJudge, type UsedKey } from './submission-judge.ts'
import { lockKeys, lockWhatIsFree } from './submission-locks.ts'

const IDEMPOTENCY_MS = LIMITS.idempotencySeconds * 1000

/**
 * Judges each submission by itself: keys that were used or are held, ids that are there already, queues that are full.
 * Submissions to the same queue wait for each other, whatever process they come through, unless it has room for all. Those
 * that use the same key do so only in transactions of callers: others are shared, and are told that the key is held.
 */
export async function enqueueChecked(
  { time }: StoreContext,
  run: Run,
  { submissions, queueDepth, tx }: EnqueueParams,
  laneOf: ReadonlyMap<NewTask, number>,
  hasRoom: boolean,
): Promise<EnqueueOutcome[]> {
  const tasks = submissions.flatMap((submission) => submission.tasks)
  const held = tx === undefined ? await lockWhatIsFree(run, tasks, hasRoom) : await lockKeys(run, tasks)
  const [nowRow] = await run<[string]>('SELECT @server_now($1::bigint, $2::bigint)', time.params())
  const now = time.saw(nowRow?.[0] ?? 0)
  const keys = await usedKeys(run, tasks, now)
  const known = await knownTasks(
    run,
    [...tasks.map(({ id }) => id), ...[...keys.values()].map(({ taskId }) => taskId)],
    now,
  )
  const waiting = hasRoom ? new Map<string, number>() : await waitingIn(run, tasks)
  const judging = new SubmissionJudge({ held, keys, known, waiting, now, queueDepth })
  const outcomes = submissions.map((submission) => judging.judge(submission.tasks))
  const { fresh } = judging
  for (const part of partsBySize(fresh, ({ payload }) => payload.length, STATEMENT_SIZE)) {
    await insertTasks(run, [now, now], part, laneOf)
  }
  await rememberKeys(run, fresh, now)
  return outcomes
}

async function usedKeys(run: Run, tasks: readonly NewTask[], now: number): Promise<Map<string, UsedKey>> {
  const keyed = tasks.filter(({ idempotency }) => idempotency !== null)
  if (keyed.length === 0) return new Map()
  const rows = await run<[string, string, string, string]>(
    `SELECT i.namespace, i.key, i.task_id, i.fingerprint
     FROM @idempotency i JOIN unnest($1::text[], $2::text[]) AS w (namespace, key) ON i.namespace = w.namespace AND i.key = w.key
     WHERE i.expires_at > $3::bigint`,
    [keyed.map(({ namespace }) => namespace), keyed.map(({ idempotency }) => idempotency?.key ?? ''), now],
  )
  return new Map(rows.map(([namespace, key, taskId, fingerprint]) => [`${namespace}\n${key}`, { taskId, fingerprint }]))
}

async function knownTasks(run: Run, taskIds: readonly string[], now: number): Promise<Map<string, Known>> {
  const rows = await run<[string, string, string, string, ...Text[]]>(
    `SELECT id, status, created_at, run_at, again.* FROM @find_tasks_2($1::bigint, $1::bigint, $2::uuid[], $3::bigint) AS t ${DUE_LAST}`,
    [now, ids(taskIds), Number.MAX_SAFE_INTEGER],
  )
  return new Map(
    rows.map(([id, status, createdAt, runAt, ...again]) => [
      id,
      { status: status as TaskStatus, createdAt: Number(createdAt), runAt: lastDue(again) ?? Number(runAt) },
    ]),
  )
}

async function rememberKeys(run: Run, tasks: readonly NewTask[], now: number): Promise<void> {
  const keyed = tasks.filter(({ idempotency }) => idempotency !== null)
  if (keyed.length === 0) return
  await run(
    `INSERT INTO @idempotency (namespace, key, task_id, fingerprint, expires_at)
     SELECT namespace, key, task_id, fingerprint, $5::bigint
     FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[]) AS k (namespace, key, task_id, fingerprint)
     ON CONFLICT (namespace, key) DO UPDATE
     SET task_id = excluded.task_id, fingerprint = excluded.fingerprint, expires_at = excluded.expires_at`,
    [
      keyed.map(({ namespace }) => namespace),
      keyed.map(({ idempotency }) => idempotency?.key ?? ''),
      ids(keyed.map(({ id }) => id)),
      keyed.map(({ idempotency }) => idempotency?.fingerprint ?? ''),
      now + IDEMPOTENCY_MS,
    ],
  )
}
