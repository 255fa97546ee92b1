import { type AcceptedTask, type EnqueueOutcome, LIMITS, type NewTask, type Task, TaskyardError } from '@taskyard/core'
import { type CheckContext, toNewTask } from './check-submission.ts'
import { coalesce } from './coalesce.ts'
import type { Engine, Submission, SubmitContext } from './engine.ts'
import { createEnqueueHeld } from './held-submissions.ts'
import type { Parts } from './parts.ts'

/** Single submissions that share a transaction; the bytes of their payloads, and their keys, which a store may have to lock. */
const SUBMISSIONS_PER_CALL = 512
const BYTES_PER_CALL = 4 * 1024 * 1024
const KEYS_PER_CALL = 400

export interface Submitting extends Pick<Engine, 'submit' | 'submitMany'> {
  /** Submissions that wait for a key are refused. */
  stop(): void
}

export function createSubmit(parts: Parts): Submitting {
  const { store, queueDepth, observer } = parts
  const context: CheckContext = { ids: parts.ids, checkPayload: parts.checkPayload }
  const stopping = new AbortController()
  // A store may let those with keys wait for their turn, and batches for long: nobody else shares their calls.
  const enqueueSoon = { plain: sharedEnqueue(), keyed: sharedEnqueue() }
  const enqueueHeld = {
    single: createEnqueueHeld(parts.clock, sharedEnqueue()),
    batch: createEnqueueHeld(parts.clock, sharedEnqueue()),
  }

  function sharedEnqueue() {
    return coalesce<readonly NewTask[], EnqueueOutcome>({
      clock: parts.clock,
      run: (batch) => store.tasks.enqueue({ submissions: batch.map((tasks) => ({ tasks })), queueDepth }),
      maxItems: SUBMISSIONS_PER_CALL,
      weightOf: shareOfCall,
      maxWeight: 1,
    })
  }

  function noteAdded({ queue, type }: NewTask, { status, runAt }: AcceptedTask): void {
    observer.submitted?.(queue, type)
    if (status === 'scheduled') parts.wakeSweeperAt(runAt)
  }

  /** The first task of an idempotency key that was seen before. */
  async function firstTask(task: NewTask, accepted: AcceptedTask, { tx }: SubmitContext): Promise<Task> {
    const [first] = await store.reads.find({ taskIds: [accepted.id] })
    if (first) return first
    // Submitted before in the same transaction, which nobody else can see into yet.
    if (tx !== undefined) return newlyStored(task, accepted)
    throw new TaskyardError('task_not_found', { id: accepted.id })
  }

  /** One submission, all or nothing, in a call of its own. */
  async function enqueue(tasks: readonly NewTask[], tx: unknown): Promise<EnqueueOutcome> {
    const params = { submissions: [{ tasks }], queueDepth }
    const [outcome] = await store.tasks.enqueue(tx === undefined ? params : { ...params, tx })
    return outcome as EnqueueOutcome
  }

  async function acceptedTasks(
    tasks: readonly NewTask[],
    outcome: EnqueueOutcome,
    inside: SubmitContext,
  ): Promise<readonly AcceptedTask[]> {
    switch (outcome.kind) {
      case 'accepted':
        return outcome.tasks
      case 'idempotency-key-held': {
        const again = tasks.length === 1 ? enqueueHeld.single : enqueueHeld.batch
        const signals = [stopping.signal, ...(inside.signal === undefined ? [] : [inside.signal])]
        return acceptedTasks(tasks, await again(tasks, signals), inside)
      }
      case 'idempotency-conflict':
        throw new TaskyardError('idempotency_conflict', { key: outcome.key })
      case 'idempotent-task-gone':
        throw new TaskyardError('idempotent_task_gone', { key: outcome.key, id: outcome.taskId })
      case 'queue-full':
        throw fullQueue(outcome.queue, tasks, queueDepth)
      case 'no-room':
        throw new TaskyardError('store_unavailable', { reason: outcome.reason })
    }
  }

  return {
    async submit(submission, inside = {}) {
      parts.assertRunning()
      const task = toNewTask(submission, '', context)
      const soon = task.idempotency === null ? enqueueSoon.plain : enqueueSoon.keyed
      const outcome = inside.tx === undefined ? await soon([task]) : await enqueue([task], inside.tx)
      const [accepted] = (await acceptedTasks([task], outcome, inside)) as [AcceptedTask]
      const { replayed } = accepted
      if (replayed) return { task: await firstTask(task, accepted, inside), replayed }
      noteAdded(task, accepted)
      return { task: newlyStored(task, accepted), replayed }
    },
    async submitMany(submissions, inside = {}) {
      parts.assertRunning()
      assertBatch(submissions.length)
      assertBatchBytes(submissions)
      const tasks = submissions.map((submission, i) => toNewTask(submission, `/tasks/${i}`, context))
      const accepted = await acceptedTasks(tasks, await enqueue(tasks, inside.tx), inside)
      for (const [i, task] of tasks.entries()) {
        const one = accepted[i] as AcceptedTask
        if (!one.replayed) noteAdded(task, one)
      }
      return accepted
    },
    stop: () => stopping.abort(),
  }
}

/** What a submission takes of the room of a shared call, which is 1. */
function shareOfCall(tasks: readonly NewTask[]): number {
  return tasks.reduce(
    (share, { payload, idempotency }) =>
      share + Buffer.byteLength(payload) / BYTES_PER_CALL + (idempotency === null ? 0 : 1 / KEYS_PER_CALL),
    0,
  )
}

/** For a batch that could not get in if the queue were empty, trying again is no help. */
function fullQueue(queue: string, tasks: readonly NewTask[], queueDepth: number): TaskyardError {
  const count = tasks.filter((task) => task.queue === queue).length
  if (count <= queueDepth) return new TaskyardError('queue_full', { queue, limit: queueDepth })
  const reason = `Queue ${queue} may hold ${queueDepth} waiting tasks, this batch has ${count} for it; submit fewer at a time`
  return new TaskyardError('batch_too_large', { reason })
}

/** @throws TaskyardError batch_too_large, invalid_request */
export function assertBatch(count: number): void {
  const reason = `A call takes at most ${LIMITS.batch} items, this one has ${count}`
  if (count > LIMITS.batch) throw new TaskyardError('batch_too_large', { reason })
  if (count === 0) throw new TaskyardError('invalid_request', { reason: 'the batch is empty' })
}

/** @throws TaskyardError too_large */
function assertBatchBytes(submissions: readonly Submission[]): void {
  // A character takes 3 bytes at most: far below the limit nothing need be counted.
  const characters = submissions.reduce((sum, { payload }) => sum + payload.length, 0)
  if (characters * 3 <= LIMITS.batchBytes) return
  const bytes = submissions.reduce((sum, { payload }) => sum + Buffer.byteLength(payload), 0)
  if (bytes > LIMITS.batchBytes) throw new TaskyardError('too_large', { limit: LIMITS.batchBytes })
}

function newlyStored(task: NewTask, { id, status, createdAt, runAt }: AcceptedTask): Task {
  return {
    id,
    namespace: task.namespace,
    queue: task.queue,
    type: task.type,
    status,
    priority: task.priority,
    payload: task.payload,
    result: null,
    error: null,
    attempt: 0,
    maxAttempts: task.maxAttempts,
    crashes: 0,
    progress: null,
    tags: task.tags,
    backoff: task.backoff,
    timeoutSeconds: task.timeoutSeconds,
    idempotencyKey: task.idempotency?.key ?? null,
    workerId: null,
    runAt,
    createdAt,
    startedAt: null,
    finishedAt: null,
    cancelRequestedAt: null,
  }
}
