import type { ReadyLane, TaskError, TaskStatus } from '@taskyard/core'

/** Told of what happens, for metrics. Must not throw. */
export interface EngineObserver {
  submitted?(task: ReadyLane): void
  /** One accepted settlement. `waitMs`: ready to started; `runMs`: started to settled. */
  settled?(outcome: SettledOutcome): void
  /** A lease ended without its worker's word. */
  leaseEnded?(task: ReadyLane, reason: 'expired' | 'timeout' | 'cancelled'): void
  /** An attempt failed, or ended without its worker's word; each once. */
  attemptFailed?(attempt: EndedAttempt): void
  /** A worker wrote under a dead token and was refused. */
  staleWriteRefused?(namespace: string, operation: 'extend' | 'settle' | 'record'): void
  /** Something failed in the background; the engine goes on, and tells again each time it fails. */
  backgroundError?(service: string, error: unknown): void
  /** What failed before works again. */
  backgroundRecovered?(service: string): void
}

/** Of one attempt. `retry-scheduled`: it failed, and another one follows. */
export interface SettledOutcome extends ReadyLane {
  readonly outcome: 'succeeded' | 'failed' | 'cancelled' | 'released' | 'retry-scheduled'
  readonly waitMs: number
  readonly runMs: number
}

/** An attempt that did not come to a good end, and where its task went: `failed` is for good. */
export interface EndedAttempt extends ReadyLane {
  readonly taskId: string
  readonly taskStatus: TaskStatus
  /** `failed`: its worker says so; else see `EndedLease`. */
  readonly cause: 'failed' | 'expired' | 'timeout' | 'cancelled'
  readonly workerId: string | null
  /** What its worker says; `null`: nothing. */
  readonly error: TaskError | null
  /** When its task is due again, ms, where that is known. */
  readonly runAt: number | null
}
