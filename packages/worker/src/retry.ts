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
