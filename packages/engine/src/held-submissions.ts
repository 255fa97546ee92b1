import { type Clock, type EnqueueOutcome, type NewTask, TaskyardError } from '@taskyard/core'

/** So long a submission waits for the transaction that holds its key. */
const PATIENCE_MS = 10_000
const FIRST_STEP_MS = 8
const LONGEST_STEP_MS = 512

type Enqueue = (tasks: readonly NewTask[]) => Promise<EnqueueOutcome>

/**
 * Asks again for submissions whose keys transactions hold that have not ended. They share `enqueueAgain`, apart from all
 * others: however many they are and however long they wait, nobody else does.
 */
export function createEnqueueHeld(clock: Clock, enqueueAgain: Enqueue): Enqueue {
  return async (tasks) => {
    let waitedMs = 0
    for (let step = FIRST_STEP_MS; ; step = Math.min(step * 2, LONGEST_STEP_MS)) {
      // To the next multiple, so that all that have waited long meet.
      const pauseMs = step - (clock.now() % step)
      await new Promise<void>((resolve) => clock.after(pauseMs, resolve))
      const outcome = await enqueueAgain(tasks)
      if (outcome.kind !== 'idempotency-key-held') return outcome
      waitedMs += pauseMs
      if (waitedMs >= PATIENCE_MS) throw heldTooLong(outcome.key)
    }
  }
}

function heldTooLong(key: string): TaskyardError {
  const reason = `a transaction that has not ended holds the idempotency key "${key}"`
  return new TaskyardError('store_unavailable', { reason })
}
