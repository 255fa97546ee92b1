import { type Clock, type EnqueueOutcome, type NewTask, TaskyardError } from '@taskyard/core'

/** So long a submission waits for the transaction that holds its key. */
const PATIENCE_MS = 10_000
const FIRST_STEP_MS = 8
const LONGEST_STEP_MS = 512

type Enqueue = (tasks: readonly NewTask[]) => Promise<EnqueueOutcome>

/** When one of the signals aborts, the wait is over at once, and nothing was stored. */
type EnqueueHeld = (tasks: readonly NewTask[], signals: readonly AbortSignal[]) => Promise<EnqueueOutcome>

/**
 * Asks again for submissions whose keys transactions hold that have not ended. They share `enqueueAgain`, apart from all
 * others: however many they are and however long they wait, nobody else does.
 */
export function createEnqueueHeld(clock: Clock, enqueueAgain: Enqueue): EnqueueHeld {
  return async (tasks, signals) => {
    const until = clock.now() + PATIENCE_MS
    for (let step = FIRST_STEP_MS; ; step = Math.min(step * 2, LONGEST_STEP_MS)) {
      // To the next multiple, so that all that have waited long meet.
      await pause(clock, step - (clock.now() % step), signals)
      if (signals.some(({ aborted }) => aborted)) throw new TaskyardError('shutting_down')
      const outcome = await enqueueAgain(tasks)
      if (outcome.kind !== 'idempotency-key-held') return outcome
      if (clock.now() >= until) throw heldTooLong(outcome.key)
    }
  }
}

function pause(clock: Clock, ms: number, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancelTimer()
      for (const signal of signals) signal.removeEventListener('abort', end)
      resolve()
    }
    const cancelTimer = clock.after(ms, end)
    for (const signal of signals) signal.addEventListener('abort', end)
    if (signals.some(({ aborted }) => aborted)) end()
  })
}

function heldTooLong(key: string): TaskyardError {
  const reason = `a transaction that has not ended holds the idempotency key "${key}"`
  return new TaskyardError('store_unavailable', { reason })
}
