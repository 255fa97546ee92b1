import {
  type AcceptedTask,
  type EnqueueOutcome,
  type EnqueueParams,
  LIMITS,
  type NewTask,
  type TaskStatus,
} from '@taskyard/core'
import { ids } from '../arrays.ts'
import type { Run } from '../database.ts'
import type { Parts } from '../parts.ts'
import { partsBySize, STATEMENT_SIZE } from '../parts-by-size.ts'
import { insertTasks, runAtOf } from './insert-tasks.ts'
import { waitingIn } from './queue-depths.ts'
import { heldKey, keyName, lockKeys, lockWhatIsFree, queueName } from './submission-locks.ts'

interface Known {
  readonly status: TaskStatus
  readonly createdAt: number
  readonly runAt: number
}

interface UsedKey {
  readonly taskId: string
  readonly fingerprint: string
}

const IDEMPOTENCY_MS = LIMITS.idempotencySeconds * 1000

/**
 * Judges each submission by itself: keys that were used or are held, ids that are there already, queues that are full.
 * Submissions to the same queue wait for each other, whatever process they come through, unless it has room for all. Those
 * that use the same key do so only in transactions of callers: others are shared, and are told that the key is held.
 */
export async function enqueueCarefully(
  { time }: Parts,
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
  const fresh: NewTask[] = []

  function judge(submission: readonly NewTask[]): EnqueueOutcome {
    const key = heldKey(submission, held)
    if (key !== undefined) return { kind: 'idempotency-key-held', key }
    const mine = new Map<string, UsedKey>()
    const accepted: (AcceptedTask | NewTask)[] = []
    for (const task of submission) {
      const key = task.idempotency?.key
      const first = key === undefined ? undefined : (keys.get(keyName(task)) ?? mine.get(keyName(task)))
      if (first !== undefined && key !== undefined) {
        if (first.fingerprint !== task.idempotency?.fingerprint) return { kind: 'idempotency-conflict', key }
        const before = known.get(first.taskId)
        if (before === undefined) return { kind: 'idempotent-task-gone', key, taskId: first.taskId }
        accepted.push({ id: first.taskId, ...before, replayed: first.taskId !== task.id })
        continue
      }
      const before = known.get(task.id)
      if (before !== undefined) accepted.push({ id: task.id, ...before, replayed: false })
      else accepted.push(task)
      if (task.idempotency !== null)
        mine.set(keyName(task), { taskId: task.id, fingerprint: task.idempotency.fingerprint })
      // A later task of this submission may name the same key: it is answered with this one.
      if (before === undefined && key !== undefined) known.set(task.id, newlyKnown(task, now))
    }
    const added = accepted.filter((task) => 'payload' in task)
    const full = fullQueue(added, waiting, queueDepth)
    if (full !== null) {
      for (const { id } of added) known.delete(id)
      return { kind: 'queue-full', queue: full }
    }
    for (const [name, used] of mine) keys.set(name, used)
    for (const task of added) {
      known.set(task.id, newlyKnown(task, now))
      waiting.set(queueName(task), (waiting.get(queueName(task)) ?? 0) + 1)
      fresh.push(task)
    }
    return {
      kind: 'accepted',
      tasks: accepted.map((task) =>
        'payload' in task ? { id: task.id, ...newlyKnown(task, now), replayed: false } : task,
      ),
    }
  }

  const outcomes = submissions.map((submission) => judge(submission.tasks))
  for (const part of partsBySize(fresh, ({ payload }) => payload.length, STATEMENT_SIZE)) {
    await insertTasks(run, [now, now], part, laneOf)
  }
  await rememberKeys(run, fresh, now)
  return outcomes
}

function newlyKnown(task: NewTask, now: number): Known {
  const runAt = runAtOf(task, now)
  return { status: runAt > now ? 'scheduled' : 'queued', createdAt: now, runAt }
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
  const rows = await run<[string, string, string, string]>(
    'SELECT id, status, created_at, run_at FROM @find_tasks_2($1::bigint, $1::bigint, $2::uuid[], $3::bigint)',
    [now, ids(taskIds), Number.MAX_SAFE_INTEGER],
  )
  return new Map(
    rows.map(([id, status, createdAt, runAt]) => [
      id,
      { status: status as TaskStatus, createdAt: Number(createdAt), runAt: Number(runAt) },
    ]),
  )
}

function fullQueue(added: readonly NewTask[], waiting: ReadonlyMap<string, number>, queueDepth: number): string | null {
  for (const [name, inQueue] of Map.groupBy(added, queueName)) {
    if ((waiting.get(name) ?? 0) + inQueue.length > queueDepth) return (inQueue[0] as NewTask).queue
  }
  return null
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
