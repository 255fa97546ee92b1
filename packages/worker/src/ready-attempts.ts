import { SUSPECT_ALONE_MS, SUSPECT_CRASHES, SUSPECT_WAIT_MS } from '@taskyard/core'
import type { Attempt } from './attempt.ts'

/** Of the time of its attempt, which runs from the claim, a suspect waits at most this share. */
const SUSPECT_WAIT_SHARE = 0.1

/**
 * Leased tasks in the order in which they start. A *suspect*, a task during which workers have died, runs with nothing
 * beside it, so that the next death tells whose fault it was: it starts when nothing runs, and nothing starts until it
 * has ended. Both have a bound, so that one suspect and one long task cannot stop a worker: a suspect that has waited in
 * vain starts beside the others, and one that runs for long no longer keeps the place to itself.
 */
export class ReadyAttempts {
  #attempts: Attempt[] = []
  #suspect: Attempt | null = null
  #reservedUntil = Number.NEGATIVE_INFINITY

  get length(): number {
    return this.#attempts.length
  }

  /** Until when a suspect waits for the others to end, or runs alone, ms: other tasks have no place here. */
  get reservedUntil(): number {
    const isHere = this.#suspect?.state === 'ready' || this.#suspect?.state === 'running'
    return isHere ? this.#reservedUntil : Number.NEGATIVE_INFINITY
  }

  isReserved(now: number): boolean {
    return now < this.reservedUntil
  }

  add(attempt: Attempt): void {
    this.#attempts.push(attempt)
    if (!isSuspect(attempt)) return
    this.#suspect = attempt
    const { receivedAt, deadlineAt } = attempt
    this.#reservedUntil = receivedAt + Math.min(SUSPECT_WAIT_MS, (deadlineAt - receivedAt) * SUSPECT_WAIT_SHARE)
  }

  remove(attempt: Attempt): void {
    this.#attempts = this.#attempts.filter((other) => other !== attempt)
  }

  takeAll(): readonly Attempt[] {
    const all = this.#attempts
    this.#attempts = []
    return all
  }

  /** Takes the next that may start beside so many that run or are being settled; `undefined`: none may. */
  next(others: number, now: number): Attempt | undefined {
    const [first] = this.#attempts
    if (first !== undefined && first === this.#suspect) {
      if (others > 0 && this.isReserved(now)) return undefined
      this.#reservedUntil = others > 0 ? now : now + SUSPECT_ALONE_MS
    } else if (this.#suspect?.state === 'running' && this.isReserved(now)) return undefined
    return this.#attempts.shift()
  }
}

/** Whether workers have died often enough during this task that it has to run alone. */
export function isSuspect({ task }: Attempt): boolean {
  return task.crashes >= SUSPECT_CRASHES
}
