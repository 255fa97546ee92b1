/** Why a handler's signal aborted. */
export type AbortCode = 'cancelled' | 'timeout' | 'lease_lost' | 'shutting_down'

/** The `reason` of a handler's aborted signal, and so what `fetch` and friends reject with. */
export class TaskAborted extends Error {
  override readonly name = 'TaskAborted'
  readonly code: AbortCode

  constructor(code: AbortCode) {
    super(MESSAGES[code])
    this.code = code
  }
}

const MESSAGES: Readonly<Record<AbortCode, string>> = {
  cancelled: 'The task was cancelled',
  timeout: 'The task ran longer than its timeoutSeconds',
  lease_lost: 'The lease of this attempt is over: another worker may have started the task',
  shutting_down: 'The worker is stopping and its drain deadline has passed; the task will start again elsewhere',
}
