import type { TaskError, TaskEventKind, TerminalStatus } from '@taskyard/core'

/** What the task carries to where it goes. */
export interface Carried {
  readonly id: string
  readonly lane: number
  readonly token: number
  readonly attempt: number
  readonly crashes: number
}

export interface ToReady extends Carried {
  readonly loneCrashes: number
  /** Of the payload. */
  readonly bytes: number
  readonly timeoutMs: number | null
  /** Order of submission; `null`: it counts as submitted now. */
  readonly seq: number | null
  readonly readyAt: number
  readonly priority: number
}

export interface ToScheduled extends Carried {
  readonly loneCrashes: number
  readonly seq: number
  readonly runAt: number
}

export interface ToFinished extends Carried {
  readonly status: TerminalStatus
  /** How its worker ended it; `null`: it did not. */
  readonly settledAs: keyof typeof SETTLED_AS | null
  readonly startedAt: number | null
  readonly workerId: string | null
  readonly error: TaskError | null
  readonly progress: string | null
  /** Of the payload. */
  readonly bytes: number
}

export interface HistoryLine {
  readonly id: string
  readonly at: number
  readonly kind: Exclude<TaskEventKind, 'submitted' | 'started'>
  readonly attempt: number
  readonly token: number
  readonly startedAt?: number | null
  readonly workerId?: string | null
  readonly data?: string | null
  /** Of an attempt's end, `UNSETTLED` or a number of `SETTLED_AS`. Left out: as its kind says. */
  readonly settledAs?: number | null
}

/** Where tasks go in one transaction, collected first so that each table is written once. */
export interface Transitions {
  readonly ready: ToReady[]
  readonly scheduled: ToScheduled[]
  readonly finished: ToFinished[]
  readonly history: HistoryLine[]
  /** Changes of counters, by lane. */
  readonly counts: Map<number, Partial<Record<Counter, number>>>
}

export type Counter =
  | 'scheduled'
  | 'queued'
  | 'running'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'finished_total'
  | 'finished_bytes'

/** Rough cost of a finished task's rows and index entries beside its texts, measured on ten million tasks. Bytes. */
export const ROW_OVERHEAD_BYTES = 360

/** How workers end tasks that do not succeed, as `finished` has it. */
export const SETTLED_AS = { failed: 2, cancelled: 3, released: 4 } as const
export const UNSETTLED = 0

/** None yet; see `writeTransitions`. */
export function newTransitions(): Transitions {
  return { ready: [], scheduled: [], finished: [], history: [], counts: new Map() }
}

/** Adds to the change of one counter of a lane, to be written with the rest. */
export function count({ counts }: Transitions, lane: number, counter: Counter, difference: number): void {
  const changes = counts.get(lane) ?? {}
  changes[counter] = (changes[counter] ?? 0) + difference
  counts.set(lane, changes)
}
