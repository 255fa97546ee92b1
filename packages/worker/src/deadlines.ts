import type { Clock } from '@taskyard/core'

/**
 * Wakes its owner when the earliest of many times has come. One timer for all: adding a time costs a comparison, and
 * the owner, woken, looks through what it holds and says the next earliest.
 */
export class Deadlines {
  readonly #clock: Clock
  readonly #wake: (now: number) => number
  #armedFor = Number.POSITIVE_INFINITY
  #callOff: () => void = () => {}

  /** @param wake handles all that is due at `now` and returns the next time, ms; infinity: none */
  constructor(clock: Clock, wake: (now: number) => number) {
    this.#clock = clock
    this.#wake = wake
  }

  add(at: number): void {
    if (at >= this.#armedFor) return
    this.#callOff()
    this.#armedFor = at
    this.#callOff = this.#clock.after(Math.max(0, at - this.#clock.now()), () => this.#ring())
  }

  clear(): void {
    this.#callOff()
    this.#armedFor = Number.POSITIVE_INFINITY
  }

  #ring(): void {
    this.#armedFor = Number.POSITIVE_INFINITY
    this.add(this.#wake(this.#clock.now()))
  }
}
