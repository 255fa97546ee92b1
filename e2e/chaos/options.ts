export interface ChaosOptions {
  readonly kills: number
  readonly tasks: number
  readonly seed: number
  /** Where the data file and the histories go. */
  readonly directory: string
  readonly workers: number
  readonly leaseSeconds: number
  readonly sessionGraceSeconds: number
  tell(line: string): void
}

/** The type that only the remote workers know, and one that the server's embedded worker runs. */
export const REMOTE_TYPE = 'chaos-work'
export const EMBEDDED_TYPE = 'test'
export const REMOTE_QUEUE = 'chaos'
export const EMBEDDED_QUEUE = 'embedded'
/** How much later than the end of grace or lease a task may start again. */
export const RECOVERY_MS = 2000

/** What the handler of a remote task is to do. */
export interface Work {
  readonly key: string
  readonly ms: number
  /** Attempts that fail before one succeeds. */
  readonly failures: number
  /** Ends for good in failure. */
  readonly doomed: boolean
}
