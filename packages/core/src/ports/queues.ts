/** What is set for a queue. */
export interface QueuesPort {
  /** A paused queue accepts tasks and lets none be claimed. Idempotent; survives restarts. */
  pause(params: PauseParams): Promise<void>
}

export interface PauseParams {
  readonly namespace: string
  readonly queue: string
  readonly paused: boolean
}
