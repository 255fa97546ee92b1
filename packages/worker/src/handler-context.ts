import type { TaskContext } from '@taskyard/core'
import type { Attempt } from './attempt.ts'
import type { LeaseBoard } from './lease-board.ts'
import type { RecordBuffer } from './record-buffer.ts'

/** What a handler sees of its attempt. `progress` and `log` may be taken off it (`{ log }`): they are bound. */
export class HandlerContext implements TaskContext {
  readonly #attempt: Attempt
  readonly #records: RecordBuffer
  readonly #board: LeaseBoard

  constructor(attempt: Attempt, records: RecordBuffer, board: LeaseBoard) {
    this.#attempt = attempt
    this.#records = records
    this.#board = board
  }

  get signal(): AbortSignal {
    return this.#attempt.signal
  }

  get token(): number {
    return this.#attempt.task.lease.token
  }

  get heartbeat(): TaskContext['heartbeat'] {
    const { leaseLost, cancelRequested, slot } = this.#attempt
    const at = slot === -1 ? null : this.#board.answeredAt(slot)
    const state = leaseLost ? 'lost' : cancelRequested ? 'cancel' : 'ok'
    return { state, at: at === null ? null : new Date(at) }
  }

  get progress(): (value: unknown) => void {
    return (value) => this.#records.addProgress(this.#attempt, value)
  }

  get log(): (line: string) => void {
    return (line) => this.#records.addLog(this.#attempt, line)
  }
}
