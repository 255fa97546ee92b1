import { randomUUID } from 'node:crypto'

// The one module of this package that may ask the operating system for timers and randomness.

/** Aborts after so many milliseconds. */
export function timeoutSignal(milliseconds: number): AbortSignal {
  return AbortSignal.timeout(Math.ceil(milliseconds))
}

/** A key that nobody else uses: it makes one submit call safe to repeat. */
export function newIdempotencyKey(): string {
  return `auto-${randomUUID()}`
}
