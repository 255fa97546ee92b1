import { HeartbeatRounds, type HeartbeatRoundsParams } from './heartbeat-rounds.ts'
import { watchMainThread } from './main-thread-watch.ts'

/**
 * One round after another, in a hurry while the worker's session is broken. A main thread that is blocked cannot say that
 * it broke, nor open another: as long as it is blocked there is a hurry too.
 */
export class HeartbeatLoop {
  readonly #params: HeartbeatRoundsParams
  readonly #rounds: HeartbeatRounds
  readonly #endWatch: () => void
  #isSessionBroken = false
  #isMainBlocked = false
  #isStopped = false
  /** `null`: a round is under way. */
  #callOffNext: (() => void) | null = null

  /** Starts it. */
  constructor(params: HeartbeatRoundsParams) {
    this.#params = params
    this.#rounds = new HeartbeatRounds(params)
    this.#endWatch = watchMainThread(params.board, params.clock, (isBlocked) => {
      this.#isMainBlocked = isBlocked
      this.#hurry()
    })
    void this.#beat()
  }

  sessionChanged(isBroken: boolean): void {
    this.#isSessionBroken = isBroken
    this.#hurry()
  }

  stop(): void {
    this.#isStopped = true
    this.#endWatch()
    this.#callOffNext?.()
  }

  #hurry(): void {
    this.#rounds.isHurried = this.#isSessionBroken || this.#isMainBlocked
    if (this.#callOffNext === null) return
    this.#callOffNext()
    void this.#beat()
  }

  async #beat(): Promise<void> {
    this.#callOffNext = null
    const waitMs = await this.#rounds.run()
    if (!this.#isStopped) this.#callOffNext = this.#params.clock.after(waitMs, () => void this.#beat())
  }
}
