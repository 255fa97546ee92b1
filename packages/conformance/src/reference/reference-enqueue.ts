import { type AcceptedTask, type EnqueueOutcome, LIMITS, type NewTask } from '@taskyard/core'
import type { ReferenceState, UsedKey } from './reference-state.ts'
import { asRead, isWaiting, laneKey, type ReferenceLane, submitTask } from './reference-task.ts'

/** Judges one submission, all or nothing. */
export function enqueueSubmission(
  state: ReferenceState,
  tasks: readonly NewTask[],
  queueDepth: number,
  now: number,
): EnqueueOutcome {
  const refusal = firstRefusal(state, tasks, queueDepth, now)
  if (refusal !== null) return refusal
  return { kind: 'accepted', tasks: tasks.map((task) => accept(state, task, now)) }
}

function firstRefusal(
  state: ReferenceState,
  tasks: readonly NewTask[],
  queueDepth: number,
  now: number,
): EnqueueOutcome | null {
  const fingerprints = new Map<string, string>()
  const arriving = new Map<string, number>()
  for (const task of tasks) {
    const key = task.idempotency?.key ?? ''
    const ownKey = `${task.namespace}/${key}`
    const used = usedKey(state, task, now)
    const fingerprint = used?.fingerprint ?? fingerprints.get(ownKey)
    if (fingerprint !== undefined && fingerprint !== task.idempotency?.fingerprint) {
      return { kind: 'idempotency-conflict', key }
    }
    if (used !== null && !state.tasks.has(used.taskId)) {
      return { kind: 'idempotent-task-gone', key, taskId: used.taskId }
    }
    const isNew = fingerprint === undefined && !state.tasks.has(task.id)
    if (task.idempotency !== null) fingerprints.set(ownKey, task.idempotency.fingerprint)
    if (!isNew) continue
    const lane = laneKey(task)
    arriving.set(lane, (arriving.get(lane) ?? 0) + 1)
    if (waitingTasks(state, lane) + (arriving.get(lane) ?? 0) > queueDepth) {
      return { kind: 'queue-full', queue: task.queue }
    }
  }
  return null
}

function accept(state: ReferenceState, task: NewTask, now: number): AcceptedTask {
  const known = state.tasks.get(usedKey(state, task, now)?.taskId ?? task.id)
  const entry = known ?? submitTask(task, laneOf(state, task), now, state.arrivals++)
  if (known === undefined) {
    state.tasks.set(task.id, entry)
    rememberKey(state, task, now)
  }
  const { id, status, createdAt, runAt } = asRead(entry, now)
  return { id, status, createdAt, runAt, replayed: known !== undefined }
}

function laneOf(state: ReferenceState, { namespace, queue }: NewTask): ReferenceLane {
  const key = laneKey({ namespace, queue })
  const lane = state.lanes.get(key) ?? { namespace, queue, finishedTotal: 0 }
  state.lanes.set(key, lane)
  return lane
}

function rememberKey(state: ReferenceState, { id, namespace, idempotency }: NewTask, now: number): void {
  if (idempotency === null) return
  const expiresAt = now + LIMITS.idempotencySeconds * 1000
  state.idempotencyKeys.set(`${namespace}/${idempotency.key}`, {
    taskId: id,
    fingerprint: idempotency.fingerprint,
    expiresAt,
  })
}

function usedKey(state: ReferenceState, { namespace, idempotency }: NewTask, now: number): UsedKey | null {
  const used = idempotency === null ? undefined : state.idempotencyKeys.get(`${namespace}/${idempotency.key}`)
  return used !== undefined && used.expiresAt > now ? used : null
}

function waitingTasks(state: ReferenceState, lane: string): number {
  return [...state.tasks.values()].filter(({ task }) => laneKey(task) === lane && isWaiting(task.status)).length
}
