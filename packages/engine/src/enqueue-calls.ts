import { type AcceptedTask, type EnqueueOutcome, type NewTask, TaskyardError } from '@taskyard/core'
import { coalesce } from './coalesce.ts'
import type { SubmitContext } from './engine.ts'
import type { EngineContext } from './engine-context.ts'
import { createEnqueueHeld } from './held-submissions.ts'

/** Single submissions that share a transaction; the bytes of their payloads, and their keys, which a store may have to lock. */
const SUBMISSIONS_PER_CALL = 512
const BYTES_PER_CALL = 4 * 1024 * 1024
const KEYS_PER_CALL = 400

/** The store's call for submissions, shared where that is safe. Rejects with what keeps one from being accepted. */
export interface EnqueueCalls {
  enqueueOne(task: NewTask, inside: SubmitContext): Promise<AcceptedTask>
  /** All or nothing. */
  enqueueMany(tasks: readonly NewTask[], inside: SubmitContext): Promise<readonly AcceptedTask[]>
}

/** @param stopping when it aborts, submissions that wait for a key are refused */
export function createEnqueueCalls(context: EngineContext, stopping: AbortSignal): EnqueueCalls {
  const { store, queueDepth } = context
  // A store may let those with keys wait for their turn, and batches for long: nobody else shares their calls.
  const enqueueSoon = { plain: sharedEnqueue(), keyed: sharedEnqueue() }
  const enqueueHeld = {
    single: createEnqueueHeld(context.clock, sharedEnqueue()),
    batch: createEnqueueHeld(context.clock, sharedEnqueue()),
  }

  function sharedEnqueue() {
    return coalesce<readonly NewTask[], EnqueueOutcome>({
      clock: context.clock,
      run: (batch) => store.tasks.enqueue({ submissions: batch.map((tasks) => ({ tasks })), queueDepth }),
      maxItems: SUBMISSIONS_PER_CALL,
      weightOf: shareOfCall,
      maxWeight: 1,
    })
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
        const signals = [stopping, ...(inside.signal === undefined ? [] : [inside.signal])]
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
    async enqueueOne(task, inside) {
      const soon = task.idempotency === null ? enqueueSoon.plain : enqueueSoon.keyed
      const outcome = inside.tx === undefined ? await soon([task]) : await enqueue([task], inside.tx)
      const accepted = outcome.kind === 'accepted' ? outcome.tasks : await acceptedTasks([task], outcome, inside)
      return accepted[0] as AcceptedTask
    },
    enqueueMany: async (tasks, inside) => acceptedTasks(tasks, await enqueue(tasks, inside.tx), inside),
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
