import type { Attempt } from './attempt.ts'
import { LeaseBoard } from './lease-board.ts'

/** Every attempt whose lease this worker holds, by its slot on the board. */
export class LeaseSlots {
  readonly board: LeaseBoard
  readonly #attempts: (Attempt | null)[]
  readonly #free: number[]

  constructor(slots: number) {
    this.board = LeaseBoard.create(slots)
    this.#attempts = new Array<Attempt | null>(slots).fill(null)
    this.#free = Array.from({ length: slots }, (_, index) => slots - 1 - index)
  }

  get free(): number {
    return this.#free.length
  }

  hold(attempt: Attempt): void {
    const slot = this.#free.pop()
    if (slot === undefined) throw new RangeError('no slot is free: more tasks were leased than asked for')
    try {
      this.board.hold(slot, attempt.task.id, attempt.task.lease.token)
    } catch (error) {
      this.#free.push(slot)
      throw error
    }
    this.#attempts[slot] = attempt
    attempt.slot = slot
  }

  /** Stops the heartbeats of an attempt. Harmless when they have stopped before. */
  release(attempt: Attempt): void {
    const { slot } = attempt
    if (slot === -1) return
    attempt.slot = -1
    this.#attempts[slot] = null
    this.board.release(slot)
    this.#free.push(slot)
  }

  /** The attempt a heartbeat's answer is about; `null` when its lease has left the slot since. */
  find(slot: number, generation: number): Attempt | null {
    return this.board.generation(slot) === generation ? (this.#attempts[slot] ?? null) : null
  }

  /** Scans: callers are rare events (a cancel, a passed deadline), so the hot path keeps no index for them. */
  *held(): Iterable<Attempt> {
    for (const attempt of this.#attempts) if (attempt !== null) yield attempt
  }

  /** Whether a handler runs whose end still tells what becomes of its attempt. */
  hasWork(): boolean {
    for (const { state, abortCode } of this.held()) if (state === 'running' && abortCode === null) return true
    return false
  }
}
