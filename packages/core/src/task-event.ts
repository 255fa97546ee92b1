import type { JsonText } from './json.ts'

/** One entry of a task's history, in order. `n` counts from 1 and never changes, so it serves as a resume cursor. */
export interface TaskEvent {
  readonly n: number
  /** Milliseconds since the Unix epoch, by the store's clock. */
  readonly at: number
  readonly kind: TaskEventKind
  /** The attempt it belongs to; 0 before the first. */
  readonly attempt: number
  /** What the kind needs: progress value, `{line}` of a log, `{workerId}` of a start, `{error, retryAt}` of a failure. */
  readonly data: JsonText | null
}

export type TaskEventKind =
  | 'submitted'
  | 'started'
  | 'progress'
  | 'log'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'retry-scheduled'
  | 'released'
  | 'lease-expired'
  | 'cancel-requested'
  | 'retried'
