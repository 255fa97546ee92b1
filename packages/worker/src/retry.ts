import type { Clock, Random } from '@taskyard/core'
import { keepProcessAlive } from './runtime.ts'

const BASE_MS = 100
/** Short: after an outage, however long, everybody is at work again within this time. */
const CEILING_MS = 2000

/** Full jitter (M. Brooker, AWS Architecture Blog, 2015) between 0 and 0.1 s, 0.2 s, … 2 s. */
export function retryDelayMs(failures: number, random: Random): number {
  return random() * Math.min(CEILING_MS, BASE_MS * 2 ** Math.min(failures, 10))
}

/** Resolves after `delayMs`, or at once when `signal` aborts. Whoever awaits it is still there to see it: the process lives on. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const letProcessEnd = keepProcessAlive()
    const done = () => {
      letProcessEnd()
      callOff()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const callOff = clock.after(delayMs, done)
    signal.addEventListener('abort', done)
  })
}

/** A refusal: the call certainly had no effect and never will have. */
export function isRefusal(error: unknown): error is Error & { readonly code: string } {
  if (!(error instanceof Error)) return false
  const { retryable, definite } = error as { retryable?: unknown; definite?: unknown }
  return retryable === false && definite === true
}

/** The call certainly had no effect. */
export function isDefinite(error: unknown): boolean {
  return error instanceof Error && (error as { definite?: unknown }).definite === true
}

/** So often in a row a call may fail unexpectedly before it is taken apart; one with a single outcome has longer. */
export const MOST_UNEXPECTED = 5
export const MOST_UNEXPECTED_ALONE = 100

/** The other side failed in a way that nobody foresaw: perhaps by this very call, each time. */
export function isUnexpected(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { retryable, definite } = error as { retryable?: unknown; definite?: unknown }
  return retryable === false && definite === false
}
