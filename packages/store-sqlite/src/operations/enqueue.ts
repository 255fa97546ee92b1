import type { AcceptedTask, EnqueueOutcome, EnqueueParams, NewTask } from '@taskyard/core'
import { DEFAULT_BACKOFF, LIMITS } from '@taskyard/core'
import { row1, type State } from '../state.ts'
import { findTask } from './find.ts'
import { makeReady, makeScheduled } from './move.ts'

const IDEMPOTENCY_MS = LIMITS.idempotencySeconds * 1000

export function enqueue(state: State, { submissions, queueDepth }: EnqueueParams, now: number): EnqueueOutcome[] {
  return submissions.map(({ tasks }) => enqueueTogether(state, tasks, queueDepth, now))
}

// Everything that can refuse a submission is looked at before its first row is written: that makes it all or nothing.
function enqueueTogether(state: State, tasks: readonly NewTask[], queueDepth: number, now: number): EnqueueOutcome {
  const refusal = idempotencyRefusal(state, tasks, now) ?? depthRefusal(state, tasks, queueDepth)
  return refusal ?? { kind: 'accepted', tasks: tasks.map((task) => enqueueOne(state, task, now)) }
}

type KeyRow = [taskId: string, fingerprint: string]

function knownKey(state: State, namespace: string, key: string, now: number): KeyRow | undefined {
  const select = state.sql(
    'SELECT task_id, fingerprint FROM idempotency WHERE namespace = ? AND key = ? AND expires_at > ?',
  )
  return row1<KeyRow>(select, namespace, key, now)
}

function idempotencyRefusal(state: State, tasks: readonly NewTask[], now: number): EnqueueOutcome | null {
  const inBatch = new Map<string, string>()
  for (const { namespace, idempotency } of tasks) {
    if (idempotency === null) continue
    const { key, fingerprint } = idempotency
    const known = knownKey(state, namespace, key, now)
    const first = known?.[1] ?? inBatch.get(key) ?? fingerprint
    if (first !== fingerprint) return { kind: 'idempotency-conflict', key }
    if (known !== undefined && findTask(state, known[0], now) === null) {
      return { kind: 'idempotent-task-gone', key, taskId: known[0] }
    }
    inBatch.set(key, fingerprint)
  }
  return null
}

function depthRefusal(state: State, tasks: readonly NewTask[], queueDepth: number): EnqueueOutcome | null {
  const added = new Map<string, number>()
  for (const { namespace, queue } of tasks) {
    const count = (added.get(queue) ?? 0) + 1
    added.set(queue, count)
    if (count === 1 || tasks.length > 1) {
      if (waitingIn(state, namespace, queue) + count > queueDepth) return { kind: 'queue-full', queue }
    }
  }
  return null
}

function waitingIn(state: State, namespace: string, queue: string): number {
  let waiting = 0
  for (const { lane } of state.lanes.ofQueue(namespace, queue)) {
    const counts = state.counters.of(lane)
    waiting += counts.queued + counts.scheduled
  }
  return waiting
}

function enqueueOne(state: State, task: NewTask, now: number): AcceptedTask {
  const { idempotency } = task
  const known = idempotency && knownKey(state, task.namespace, idempotency.key, now)
  if (known) return acceptedBefore(state, known[0], now, known[0] !== task.id)
  const runAt = task.runAt ?? now + task.delayMs
  const { lane } = state.lanes.intern(task.namespace, task.queue, task.type)
  const seq = state.nextSeq
  const inserted = insertTask(state, seq, lane, task, Math.max(runAt, now), now)
  // The id is there already: the same call came again after its reply was lost.
  if (!inserted) return acceptedBefore(state, task.id, now, false)
  state.nextSeq += 1
  const status = runAt > now ? 'scheduled' : 'queued'
  const waiting = { seq, lane, priority: task.priority, attempt: 0, token: 0, crashes: 0 }
  if (status === 'scheduled') makeScheduled(state, waiting, runAt)
  else makeReady(state, waiting, now)
  for (const tag of task.tags) insertTag(state, task.namespace, tag, seq)
  if (idempotency !== null) rememberKey(state, task, idempotency, now)
  return { id: task.id, status, createdAt: now, runAt: Math.max(runAt, now), replayed: false }
}

function insertTask(state: State, seq: number, lane: number, task: NewTask, runAt: number, now: number): boolean {
  const insert = state.sql(
    `INSERT INTO tasks (seq, id, lane, priority, payload, created_at, run_at, max_attempts, timeout_seconds, backoff,
       tags, idempotency_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  )
  const { changes } = insert.run(
    seq,
    task.id,
    lane,
    task.priority,
    task.payload,
    now,
    runAt,
    task.maxAttempts,
    task.timeoutSeconds,
    task.backoff === DEFAULT_BACKOFF ? null : JSON.stringify(task.backoff),
    task.tags.length === 0 ? null : JSON.stringify(task.tags),
    task.idempotency?.key ?? null,
  )
  return changes === 1
}

function insertTag(state: State, namespace: string, tag: string, seq: number): void {
  state.sql('INSERT OR IGNORE INTO task_tags (namespace, tag, seq) VALUES (?, ?, ?)').run(namespace, tag, seq)
}

function rememberKey(
  state: State,
  task: NewTask,
  { key, fingerprint }: NonNullable<NewTask['idempotency']>,
  now: number,
) {
  const insert = state.sql(
    'INSERT OR REPLACE INTO idempotency (namespace, key, task_id, fingerprint, expires_at) VALUES (?, ?, ?, ?, ?)',
  )
  insert.run(task.namespace, key, task.id, fingerprint, now + IDEMPOTENCY_MS)
}

function acceptedBefore(state: State, taskId: string, now: number, replayed: boolean): AcceptedTask {
  const task = findTask(state, taskId, now)
  if (task === null) throw new Error(`task ${taskId} vanished while it was looked at`)
  return { id: taskId, status: task.status, createdAt: task.createdAt, runAt: task.runAt, replayed }
}
