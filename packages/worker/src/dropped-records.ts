import type { Clock } from '@taskyard/core'
import type { ReportError } from './report-error.ts'

/** What was dropped is told together, so often at most. */
const TELL_MS = 10_000

/** Counts records that were dropped, and tells of them. */
export class DroppedRecords {
  readonly #clock: Clock
  readonly #report: ReportError
  #count = 0
  #why = ''
  #tellAt = Number.NEGATIVE_INFINITY
  #timerSet = false

  constructor({ clock, report }: { readonly clock: Clock; readonly report: ReportError }) {
    this.#clock = clock
    this.#report = report
  }

  add(count: number, why: string): void {
    if (count === 0) return
    this.#count += count
    this.#why = why
    const waitMs = this.#tellAt - this.#clock.now()
    if (waitMs <= 0) this.tell()
    else if (!this.#timerSet) {
      this.#timerSet = true
      this.#clock.after(waitMs, () => {
        this.#timerSet = false
        this.tell()
      })
    }
  }

  /** Tells of those that have not been told yet. */
  tell(): void {
    if (this.#count === 0) return
    const what = this.#count === 1 ? '1 log line or progress was' : `${this.#count} log lines and progress values were`
    this.#count = 0
    this.#tellAt = this.#clock.now() + TELL_MS
    this.#report(new Error(`${what} dropped: ${this.#why}`), 'record')
  }
}
