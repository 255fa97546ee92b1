import { type AcceptedTask, type EnqueueOutcome, LIMITS, type NewTask, type Task, TaskyardError } from '@taskyard/core'
import { type CheckContext, toNewTask } from './check-submission.ts'
import { coalesce } from './coalesce.ts'
import type { Engine, Submission, SubmitContext, Submitted } from './engine.ts'
import { createEnqueueHeld } from './held-submissions.ts'
import type { Parts } from './parts.ts'

/** Single submissions that share a transaction, and the bytes of their payloads. */
const SUBMISSIONS_PER_CALL = 512
const BYTES_PER_CALL = 4 * 1024 * 1024
/** First tasks of seen idempotency keys that are read at once. */
const FOUND_PER_CALL = 100

export function createSubmit(parts: Parts): Pick<Engine, 'submit' | 'submitMany'> {
  const { store, queueDepth, observer } = parts
  const context: CheckContext = { ids: parts.ids, checkPayload: parts.checkPayload }
  const enqueueSoon = sharedEnqueue()
  const enqueueHeld = createEnqueueHeld(parts.clock, sharedEnqueue())

  function sharedEnqueue() {
    return coalesce<readonly NewTask[], EnqueueOutcome>({
      clock: parts.clock,
      run: (batch) => store.enqueue({ submissions: batch.map((tasks) => ({ tasks })), queueDepth }),
      maxItems: SUBMISSIONS_PER_CALL,
      bytesOf: (tasks) => tasks.reduce((bytes, { payload }) => bytes + Buffer.byteLength(payload), 0),
      maxBytes: BYTES_PER_CALL,
    })
  }

  async function submittedTasks(
    tasks: readonly NewTask[],
    accepted: readonly AcceptedTask[],
    context: SubmitContext,
  ): Promise<readonly Submitted[]> {
    const first = await firstTasks(accepted)
    return tasks.map((task, i) => {
      const one = accepted[i] as AcceptedTask
      return one.replayed ? seenBefore(task, one, first.get(one.id), context) : added(task, one)
    })
  }

  function added(task: NewTask, accepted: AcceptedTask): Submitted {
    observer.submitted?.(task.queue, task.type)
    if (accepted.status === 'scheduled') parts.wakeSweeperAt(accepted.runAt)
    return { task: newlyStored(task, accepted), replayed: false }
  }

  /** The tasks that seen idempotency keys stand for, by id. */
  async function firstTasks(accepted: readonly AcceptedTask[]): Promise<ReadonlyMap<string, Task>> {
    const ids = [...new Set(accepted.filter(({ replayed }) => replayed).map(({ id }) => id))]
    const found = new Map<string, Task>()
    for (let from = 0; from < ids.length; from += FOUND_PER_CALL) {
      const tasks = await store.find({ taskIds: ids.slice(from, from + FOUND_PER_CALL) })
      for (const task of tasks) if (task !== null) found.set(task.id, task)
    }
    return found
  }

  /** One submission, all or nothing, in a call of its own. */
  async function enqueue(tasks: readonly NewTask[], tx: unknown): Promise<EnqueueOutcome> {
    const params = { submissions: [{ tasks }], queueDepth }
    const [outcome] = await store.enqueue(tx === undefined ? params : { ...params, tx })
    return outcome as EnqueueOutcome
  }

  async function acceptedTasks(tasks: readonly NewTask[], outcome: EnqueueOutcome): Promise<readonly AcceptedTask[]> {
    switch (outcome.kind) {
      case 'accepted':
        return outcome.tasks
      case 'idempotency-key-held':
        return acceptedTasks(tasks, await enqueueHeld(tasks))
      case 'idempotency-conflict':
        throw new TaskyardError('idempotency_conflict', { key: outcome.key })
      case 'idempotent-task-gone':
        throw new TaskyardError('idempotent_task_gone', { key: outcome.key, id: outcome.taskId })
      case 'queue-full':
        throw new TaskyardError('queue_full', { queue: outcome.queue, limit: queueDepth })
    }
  }

  return {
    async submit(submission, inside = {}) {
      parts.assertRunning()
      const task = toNewTask(submission, '', context)
      const outcome = inside.tx === undefined ? await enqueueSoon([task]) : await enqueue([task], inside.tx)
      const [accepted] = (await acceptedTasks([task], outcome)) as [AcceptedTask]
      if (!accepted.replayed) return added(task, accepted)
      return (await submittedTasks([task], [accepted], inside))[0] as Submitted
    },
    async submitMany(submissions, inside = {}) {
      parts.assertRunning()
      assertBatch(submissions.length)
      assertBatchBytes(submissions)
      const tasks = submissions.map((submission, i) => toNewTask(submission, `/tasks/${i}`, context))
      const accepted = await acceptedTasks(tasks, await enqueue(tasks, inside.tx))
      return submittedTasks(tasks, accepted, inside)
    },
  }
}

/** @throws TaskyardError batch_too_large, invalid_request */
export function assertBatch(count: number): void {
  if (count > LIMITS.batch) throw new TaskyardError('batch_too_large', { limit: LIMITS.batch, count })
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

/** Of an idempotency key; `first` is its task, where it can be read. */
function seenBefore(task: NewTask, accepted: AcceptedTask, first: Task | undefined, { tx }: SubmitContext): Submitted {
  if (first !== undefined) return { task: first, replayed: true }
  // Submitted before in the same transaction, which nobody else can see into yet.
  if (tx !== undefined) return { task: newlyStored(task, accepted), replayed: true }
  throw new TaskyardError('task_not_found', { id: accepted.id })
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
