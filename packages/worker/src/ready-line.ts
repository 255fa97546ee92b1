import { SUSPECT_CRASHES } from '@taskyard/core'
import type { Attempt } from './attempt.ts'

/** How long a worker keeps itself free of other tasks for a suspect, while handlers that ran before it go on. */
export const SUSPECT_WAIT_MS = 30_000
/** Of the time of its attempt, which runs from the claim, a suspect waits at most this share. */
const SUSPECT_WAIT_SHARE = 0.1

/**
 * Leased tasks in the order in which they start. A *suspect*, a task during which workers have died, runs with nothing
 * beside it, so that the next death tells whose fault it was: it starts when nothing runs, and nothing starts until it
 * has ended.
 */
export class ReadyLine {
  #line: Attempt[] = []
  #suspect: Attempt | null = null
  /** Until then nothing else is taken, so that a suspect which was given back finds the worker free. */
  #quietUntil = Number.NEGATIVE_INFINITY

  get length(): number {
    return this.#line.length
  }

  /** A suspect waits for the others to end, or runs: other tasks have no place here. */
  get isReserved(): boolean {
    return this.#suspect?.state === 'ready' || this.#suspect?.state === 'running'
  }

  /** No task is to be claimed now. */
  isQuiet(now: number, running: number): boolean {
    return this.isReserved || (running > 0 && now < this.#quietUntil)
  }

  add(attempt: Attempt): void {
    this.#line.push(attempt)
    if (isSuspect(attempt)) this.#suspect = attempt
  }

  remove(attempt: Attempt): void {
    this.#line = this.#line.filter((other) => other !== attempt)
  }

  /** A suspect that could not start in its time: the worker stays free of others for it a while longer. */
  keepQuietFor(attempt: Attempt): void {
    this.#quietUntil = attempt.receivedAt + SUSPECT_WAIT_MS
  }

  get quietUntil(): number {
    return this.#quietUntil
  }

  takeAll(): readonly Attempt[] {
    const all = this.#line
    this.#line = []
    return all
  }

  /** Takes the next that may start beside so many that run or are being settled; `undefined`: none may. */
  next(others: number): Attempt | undefined {
    if (this.#suspect?.state === 'running') return undefined
    const first = this.#line[0]
    if (first !== undefined && isSuspect(first) && others > 0) return undefined
    return this.#line.shift()
  }
}

export function isSuspect({ task }: Attempt): boolean {
  return task.crashes >= SUSPECT_CRASHES
}

/** When a suspect that still waits is given back, ms. */
export function suspectGiveBackAt({ receivedAt, deadlineAt }: Attempt): number {
  return receivedAt + Math.min(SUSPECT_WAIT_MS, (deadlineAt - receivedAt) * SUSPECT_WAIT_SHARE)
}
