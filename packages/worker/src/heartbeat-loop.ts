import type { Clock } from '@taskyard/core'
import { HeartbeatRounds, type HeartbeatRoundsParams } from './heartbeat-rounds.ts'
import { watchMainThread } from './main-thread-watch.ts'

type Hurry = 'session is broken' | 'main thread is blocked'

/**
 * One round after another, in a hurry while the worker's session is broken. A main thread that is blocked cannot say that
 * it broke, nor open another: as long as it is blocked there is a hurry too.
 */
export class HeartbeatLoop {
  readonly #clock: Clock
  readonly #rounds: HeartbeatRounds
  readonly #endWatch: () => void
  readonly #hurries = new Set<Hurry>()
  #isStopped = false
  /** `null`: a round is under way. */
  #callOffNext: (() => void) | null = null

  /** Starts it. */
  constructor(params: Omit<HeartbeatRoundsParams, 'isHurried'>) {
    this.#clock = params.clock
    this.#rounds = new HeartbeatRounds({ ...params, isHurried: () => this.#hurries.size > 0 })
    this.#endWatch = watchMainThread(params.board, params.clock, (isBlocked) => {
      this.#hurry('main thread is blocked', isBlocked)
    })
    void this.#beat()
  }

  sessionChanged(isBroken: boolean): void {
    this.#hurry('session is broken', isBroken)
  }

  stop(): void {
    this.#isStopped = true
    this.#endWatch()
    this.#callOffNext?.()
  }

  #hurry(reason: Hurry, isSo: boolean): void {
    const begins = isSo && this.#hurries.size === 0
    if (isSo) this.#hurries.add(reason)
    else this.#hurries.delete(reason)
    if (!begins || this.#callOffNext === null) return
    this.#callOffNext()
    void this.#beat()
  }

  async #beat(): Promise<void> {
    this.#callOffNext = null
    const waitMs = await this.#rounds.run()
    if (!this.#isStopped) this.#callOffNext = this.#clock.after(waitMs, () => void this.#beat())
  }
}
