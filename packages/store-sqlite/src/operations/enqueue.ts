import { LIMITS } from '@taskyard/core'
import { row1, type State } from '../state.ts'
import type { AcceptedRow, EnqueuedRows, EnqueueRefusal, EnqueueRows, NewTaskRow } from '../wire.ts'
import { locate } from './find.ts'
import { standing } from './standing.ts'
import { makeReady, makeScheduled } from './transition.ts'

const IDEMPOTENCY_MS = LIMITS.idempotencySeconds * 1000

/** The port's `enqueue`. Each submission is stored or refused as a whole, by itself, after those before it in the call. */
export function enqueue(state: State, { submissions, queueDepth }: EnqueueRows, now: number): EnqueuedRows {
  return { now, outcomes: submissions.map((tasks) => enqueueTogether(state, tasks, queueDepth, now)) }
}

// Everything that can refuse a submission is looked at before its first row is written: that makes it all or nothing.
function enqueueTogether(
  state: State,
  tasks: readonly NewTaskRow[],
  queueDepth: number,
  now: number,
): readonly AcceptedRow[] | EnqueueRefusal {
  const refusal = idempotencyRefusal(state, tasks, now) ?? depthRefusal(state, tasks, queueDepth, now)
  return refusal ?? tasks.map((task) => enqueueOne(state, task, now))
}

type KeyRow = [taskId: string, fingerprint: string]

function knownKey(state: State, namespace: string, key: string, now: number): KeyRow | undefined {
  const select = state.sql(
    'SELECT task_id, fingerprint FROM idempotency WHERE namespace = ? AND key = ? AND expires_at > ?',
  )
  return row1<KeyRow>(select, namespace, key, now)
}

function idempotencyRefusal(state: State, tasks: readonly NewTaskRow[], now: number): EnqueueRefusal | null {
  const inBatch = new Map<string, string>()
  for (const task of tasks) {
    const [namespace, key, fingerprint] = [task[1], task[12], task[13]]
    if (key === null || fingerprint === null) continue
    const known = knownKey(state, namespace, key, now)
    const first = known?.[1] ?? inBatch.get(keyOf(task)) ?? fingerprint
    if (first !== fingerprint) return { kind: 'idempotency-conflict', key }
    if (known !== undefined && locate(state, namespace, known[0]) === null) {
      return { kind: 'idempotent-task-gone', key, taskId: known[0] }
    }
    inBatch.set(keyOf(task), fingerprint)
  }
  return null
}

function depthRefusal(
  state: State,
  tasks: readonly NewTaskRow[],
  queueDepth: number,
  now: number,
): EnqueueRefusal | null {
  let arriving: readonly NewTaskRow[] | null = null
  for (const inQueue of byQueue(tasks)) {
    const [, namespace, queue] = inQueue[0] as NewTaskRow
    // Tasks that come back for another attempt may have filled the queue beyond its depth.
    const room = Math.max(0, queueDepth - waitingIn(state, namespace, queue))
    if (inQueue.length <= room) continue
    // Which tasks are new is looked up only where it matters.
    arriving ??= newOf(state, tasks, now)
    if (arriving.filter((task) => task[1] === namespace && task[2] === queue).length > room) {
      return { kind: 'queue-full', queue }
    }
  }
  return null
}

/** Tasks by namespace and queue. Those that follow each other are mostly for the same one: its name is put together once. */
function byQueue(tasks: readonly NewTaskRow[]): Iterable<readonly NewTaskRow[]> {
  if (tasks.length === 1) return [tasks]
  const groups = new Map<string, NewTaskRow[]>()
  let group: NewTaskRow[] = []
  for (const task of tasks) {
    const [, namespace, queue] = task
    const [last] = group
    if (last?.[1] !== namespace || last[2] !== queue) {
      const key = `${namespace}\n${queue}`
      group = groups.get(key) ?? []
      groups.set(key, group)
    }
    group.push(task)
  }
  return groups.values()
}

function keyOf([, namespace, , , , , , , , , , , key]: NewTaskRow): string {
  return `${namespace}\n${key}`
}

function newOf(state: State, tasks: readonly NewTaskRow[], now: number): readonly NewTaskRow[] {
  const keys = new Set<string>()
  return tasks.filter((task) => {
    const [id, namespace, , , , , , , , , , , key] = task
    if (locate(state, namespace, id) !== null) return false
    if (key === null) return true
    const isKnown = keys.has(keyOf(task)) || knownKey(state, namespace, key, now) !== undefined
    keys.add(keyOf(task))
    return !isKnown
  })
}

function waitingIn(state: State, namespace: string, queue: string): number {
  let waiting = 0
  for (const { lane } of state.lanes.ofQueue(namespace, queue)) {
    const counts = state.counters.of(lane)
    waiting += counts.queued + counts.scheduled
  }
  return waiting
}

function enqueueOne(state: State, task: NewTaskRow, now: number): AcceptedRow {
  const [id, namespace, queue, type, , priority, runAtWanted, delayMs, , , , tags, key] = task
  const known = key === null ? undefined : knownKey(state, namespace, key, now)
  if (known !== undefined) return acceptedBefore(state, namespace, known[0], now, known[0] !== id)
  const { lane } = state.lanes.intern(namespace, queue, type)
  const seq = state.nextSeq
  const runAt = Math.max(runAtWanted ?? now + delayMs, now)
  // The id is there already: the same call came again after its reply was lost.
  if (!insertTask(state, seq, lane, task, runAt, now)) return acceptedBefore(state, namespace, id, now, false)
  state.nextSeq += 1
  const waiting = { seq, lane, priority, attempt: 0, token: 0, crashes: 0 }
  if (runAt > now) makeScheduled(state, waiting, runAt)
  else makeReady(state, waiting, now)
  for (const tag of tags ?? []) insertTag(state, namespace, tag, seq)
  if (key !== null) rememberKey(state, task, now)
  return runAt > now ? [id, 'scheduled', now, runAt, false] : null
}

function insertTask(state: State, seq: number, lane: number, task: NewTaskRow, runAt: number, now: number): boolean {
  const [id, , , , payload, priority, , , maxAttempts, backoff, timeoutSeconds, tags, key] = task
  const insert = state.sql(
    `INSERT INTO tasks (seq, id, lane, priority, payload, created_at, run_at, max_attempts, timeout_seconds, backoff,
       tags, idempotency_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  )
  const tagsText = tags === null ? null : JSON.stringify(tags)
  const { changes } = insert.run(
    ...[seq, id, lane, priority, payload, now, runAt, maxAttempts, timeoutSeconds, backoff, tagsText, key],
  )
  return changes === 1
}

function insertTag(state: State, namespace: string, tag: string, seq: number): void {
  state.sql('INSERT OR IGNORE INTO task_tags (namespace, tag, seq) VALUES (?, ?, ?)').run(namespace, tag, seq)
}

function rememberKey(state: State, task: NewTaskRow, now: number): void {
  const insert = state.sql(
    'INSERT OR REPLACE INTO idempotency (namespace, key, task_id, fingerprint, expires_at) VALUES (?, ?, ?, ?, ?)',
  )
  insert.run(task[1], task[12], task[0], task[13], now + IDEMPOTENCY_MS)
}

function acceptedBefore(state: State, namespace: string, taskId: string, now: number, replayed: boolean): AcceptedRow {
  const stands = standing(state, namespace, taskId, now)
  if (stands === null) throw new Error(`no task can be stored under the id ${taskId}`)
  return [taskId, stands.status, stands.createdAt, stands.runAt, replayed]
}
