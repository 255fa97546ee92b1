/** The store counts a process as gone when it has heard no beat of it for so long. */
export const TTL_MS = 5000
/** Beats further apart than this are not unbroken: the store was away, or this process stood still. */
const GAP_MS = 2500

/** The beats of this process, one at a time. */
export class Beats {
  readonly #send: () => Promise<void>
  readonly #timeOfDay: () => number
  #underWay: Promise<void> | null = null
  #next: Promise<void> | null = null
  // Times of day: while the machine sleeps they go on, as the store's do.
  #lastAt = Number.NEGATIVE_INFINITY
  #unbrokenSince = Number.POSITIVE_INFINITY

  constructor(send: () => Promise<void>, timeOfDay: () => number) {
    this.#send = send
    this.#timeOfDay = timeOfDay
  }

  /** Resolves when the store has a beat that began from now on. Calls that come together share one. */
  beat(): Promise<void> {
    if (this.#underWay === null) {
      this.#underWay = this.#noted().finally(() => {
        this.#underWay = null
      })
      return this.#underWay
    }
    this.#next ??= this.ended().then(() => {
      this.#next = null
      return this.beat()
    })
    return this.#next
  }

  /** Resolves when the beat under way, if there is one, has ended. Never rejects. */
  async ended(): Promise<void> {
    await this.#underWay?.catch(() => {})
  }

  /**
   * Whether others may be judged by their beats. Only after a whole time to live of beats of one's own without a gap:
   * after an outage of the store every beat is stale, and nobody is dead for that.
   */
  areTrusted(): boolean {
    const now = this.#timeOfDay()
    return now - this.#lastAt <= GAP_MS && now - this.#unbrokenSince >= TTL_MS
  }

  async #noted(): Promise<void> {
    const sentAt = this.#timeOfDay()
    try {
      await this.#send()
    } catch (error) {
      this.#unbrokenSince = Number.POSITIVE_INFINITY
      throw error
    }
    if (this.#timeOfDay() - this.#lastAt > GAP_MS) this.#unbrokenSince = sentAt
    else this.#unbrokenSince = Math.min(this.#unbrokenSince, sentAt)
    this.#lastAt = sentAt
  }
}
