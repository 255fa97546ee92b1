import { type AcceptedTask, LIMITS, type NewTask, type Task, TaskyardError } from '@taskyard/core'
import { type CheckContext, toNewTask } from './check-submission.ts'
import type { Submission, SubmitContext, UseCases } from './engine.ts'
import type { EngineContext } from './engine-context.ts'
import { createEnqueueCalls } from './enqueue-calls.ts'
import type { InNamespace } from './in-namespace.ts'
import type { KnownTypes } from './known-types.ts'

export interface Submitting {
  readonly inNamespace: InNamespace<Pick<UseCases, 'submit' | 'submitMany'>>
  /** Submissions that wait for a key are refused. */
  stop(): void
}

/**
 * Checks submissions, stores them in calls that are shared where that is safe, and tells metrics, news and the sweeper.
 */
export function createSubmit(context: EngineContext): Submitting {
  const { store, observer, taskNews, typesAtHand } = context
  const stopping = new AbortController()
  const { enqueueOne, enqueueMany } = createEnqueueCalls(context, stopping.signal)

  function noteAdded(task: NewTask, { status, runAt }: AcceptedTask): void {
    observer.submitted?.(task)
    taskNews.statusChanged(status, task.id, task)
    if (status === 'scheduled') context.wakeSweeperAt(runAt)
  }

  /** The first task of an idempotency key that was seen before. */
  async function firstTask(task: NewTask, accepted: AcceptedTask, { tx }: SubmitContext): Promise<Task> {
    const [first] = await store.reads.find({ namespace: task.namespace, taskIds: [accepted.id] })
    if (first) return first
    // Submitted before in the same transaction, which nobody else can see into yet.
    if (tx !== undefined) return newlyStored(task, accepted)
    throw new TaskyardError('task_not_found', { id: accepted.id, namespace: task.namespace })
  }

  function checksWith(types: KnownTypes): CheckContext {
    return { ids: context.ids, checkPayload: context.checkPayload, types }
  }

  return {
    inNamespace: (namespace) => ({
      async submit(submission, inside = {}) {
        context.assertRunning()
        context.usedNamespaces.note(namespace)
        const types = typesAtHand.known(namespace) ?? (await typesAtHand.read(namespace))
        const task = toNewTask(namespace, submission, '', checksWith(types))
        const accepted = await enqueueOne(task, inside)
        const { replayed } = accepted
        if (replayed) return { task: await firstTask(task, accepted, inside), replayed }
        noteAdded(task, accepted)
        return { task: newlyStored(task, accepted), replayed }
      },
      async submitMany(submissions, inside = {}) {
        context.assertRunning()
        context.usedNamespaces.note(namespace)
        assertBatch(submissions.length)
        assertBatchBytes(submissions)
        const checks = checksWith(typesAtHand.known(namespace) ?? (await typesAtHand.read(namespace)))
        const tasks = submissions.map((submission, i) => toNewTask(namespace, submission, `/tasks/${i}`, checks))
        const accepted = await enqueueMany(tasks, inside)
        for (const [i, task] of tasks.entries()) {
          const one = accepted[i] as AcceptedTask
          if (!one.replayed) noteAdded(task, one)
        }
        return accepted
      },
    }),
    stop: () => stopping.abort(),
  }
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
