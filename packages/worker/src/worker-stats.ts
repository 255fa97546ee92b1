export interface WorkerStats {
  /** Handlers running now, leased tasks waiting for one to end, and outcomes not yet accepted. */
  readonly running: number
  /** Handlers that still run although they were given up: their signals aborted, and they did not obey. */
  readonly abandoned: number
  readonly ready: number
  readonly settling: number
  /** Since the start: attempts begun, and accepted outcomes by kind. `lost`: refused, the lease was over. */
  readonly started: number
  readonly succeeded: number
  readonly failed: number
  readonly cancelled: number
  readonly released: number
  readonly lost: number
}
