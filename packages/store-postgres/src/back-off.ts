/** Keeps a chore that met tables in use from trying at once again: each try holds others up for a moment. */
export interface BackOff {
  isDue(): boolean
  worked(): void
  failed(): void
}

/** At first, and at most. Milliseconds. */
const FIRST_PAUSE_MS = 2_000
const LONGEST_PAUSE_MS = 60_000

/** @param nowMs a monotonic clock, ms */
export function createBackOff(nowMs: () => number): BackOff {
  let pauseMs = 0
  let notBefore = Number.NEGATIVE_INFINITY
  return {
    isDue: () => nowMs() >= notBefore,
    worked() {
      pauseMs = 0
    },
    failed() {
      pauseMs = Math.min(pauseMs * 2 || FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
      notBefore = nowMs() + pauseMs
    },
  }
}
