import { type OpenedStore, TaskyardError } from '@taskyard/core'
import { aroundCalls } from './around-calls.ts'

const MOST_TRIES = 20

/** Repeats every call that failed with a retryable error, at once, as a caller that lost a reply would. */
export function retrying(store: OpenedStore): OpenedStore {
  return aroundCalls(store, async (_operation, call) => {
    for (let tries = 1; ; tries++) {
      try {
        return await call()
      } catch (error) {
        if (tries === MOST_TRIES || !isRetryable(error)) throw error
      }
    }
  })
}

function isRetryable(error: unknown): boolean {
  return error instanceof TaskyardError && error.retryable
}
