import { type Backoff, backoffDelayMs } from './backoff.ts'
import type { WorkerRef } from './ports/tasks.ts'
import type { TaskError, TaskStatus, TerminalStatus } from './task.ts'

/** Crashes of workers that ran nothing but this task, after which it is quarantined as `failed` with code `poisoned`. */
export const POISON_CRASHES = 3

/** Crashes after which a task is suspected: it is handed out, and runs, with no other beside it. */
export const SUSPECT_CRASHES = 2

/** How long a worker keeps itself free of other tasks for a suspect, while handlers that ran before it go on. */
export const SUSPECT_WAIT_MS = 10_000
/** So long a suspect runs alone. What brings its worker down later than that is found out by other ways. */
export const SUSPECT_ALONE_MS = 60_000

/** The first tasks that one claim may give out together: a suspect is alone. */
export function untilSuspect<Item>(items: readonly Item[], crashesOf: (item: Item) => number): readonly Item[] {
  const at = items.findIndex((item) => crashesOf(item) >= SUSPECT_CRASHES)
  return at === -1 ? items : items.slice(0, Math.max(1, at))
}

/** A task whose leases keep running out is quarantined after so many attempts, or all of its own where it has more. */
export const POISON_ATTEMPTS = 20

export type TaskTransition =
  | 'due'
  | 'claim'
  | 'succeed'
  | 'retry-later'
  | 'fail'
  | 'release'
  | 'lease-expired'
  | 'cancel'
  | 'retry'

/** The whole state machine: which transition leads where. A pair that is absent is not allowed. */
export const TRANSITIONS: Readonly<Record<TaskStatus, Readonly<Partial<Record<TaskTransition, TaskStatus>>>>> = {
  blocked: { cancel: 'cancelled' },
  scheduled: { due: 'queued', cancel: 'cancelled' },
  queued: { claim: 'running', cancel: 'cancelled' },
  running: {
    succeed: 'succeeded',
    'retry-later': 'scheduled',
    fail: 'failed',
    release: 'queued',
    'lease-expired': 'queued',
    cancel: 'cancelled',
  },
  succeeded: {},
  failed: { retry: 'queued' },
  cancelled: { retry: 'queued' },
}

/** The status after a transition, or `null` when the state machine forbids it. */
export function transition(from: TaskStatus, event: TaskTransition): TaskStatus | null {
  return TRANSITIONS[from][event] ?? null
}

/** Whether a task of this state has ended: nothing but an explicit retry changes it. */
export function isTerminal(status: TaskStatus): status is TerminalStatus {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled'
}

export interface FailedAttempt {
  readonly attempt: number
  readonly maxAttempts: number
  readonly backoff: Backoff
  readonly retryable: boolean
  /** The worker's own wish, in ms; replaces the backoff. */
  readonly retryDelayMs: number | null
  /** A cancel was requested: a failure ends the task instead of scheduling it again. */
  readonly cancelRequested: boolean
  /** Uniform in [0, 1). */
  readonly jitter: number
}

export type AfterFailure =
  | { readonly status: 'scheduled'; readonly delayMs: number }
  | { readonly status: 'failed' }
  | { readonly status: 'cancelled' }

/** What becomes of a task whose attempt failed or timed out. */
export function afterFailure(failed: FailedAttempt): AfterFailure {
  if (failed.cancelRequested) return { status: 'cancelled' }
  if (!failed.retryable || failed.attempt >= failed.maxAttempts) return { status: 'failed' }
  const delayMs = failed.retryDelayMs ?? backoffDelayMs(failed.backoff, failed.attempt, failed.jitter)
  return { status: 'scheduled', delayMs }
}

/**
 * Whether somebody would notice the death of a worker: the process that it lives in beats, or the server that has its
 * session does. Of one that nobody watches, the end of its lease is all that will ever be known.
 */
export function isWatched({ nodeId, session }: Pick<WorkerRef, 'nodeId' | 'session'>): boolean {
  return nodeId !== null || session
}

export interface UnsettledLease {
  /** Of the task so far, this end not counted. */
  readonly crashes: number
  readonly loneCrashes: number
  readonly attempt: number
  readonly maxAttempts: number
  readonly cancelRequested: boolean
  /** The worker is known to be gone, or nobody watches it, so that the end of its lease is all that can be known. */
  readonly isDead: boolean
  /**
   * It was the only lease of its worker, and none of that worker's has ended without word while it was held: of a dead
   * worker, leases may end one after the other.
   */
  readonly isAlone: boolean
}

export interface AfterLeaseEnd {
  readonly status: 'queued' | 'failed' | 'cancelled'
  readonly crashes: number
  readonly loneCrashes: number
}

/** Of an attempt that was not over by its deadline; times in ms. */
export function timeoutError({ startedAt, deadlineAt }: { startedAt: number; deadlineAt: number }): TaskError {
  const seconds = (deadlineAt - startedAt) / 1000
  return { code: 'timeout', message: `The attempt ran longer than the task's timeoutSeconds, ${seconds} s` }
}

/** What a quarantined task says of itself; the numbers count its last end too. */
export function poisonedError({ loneCrashes, attempt }: { loneCrashes: number; attempt: number }): TaskError {
  const message =
    loneCrashes >= POISON_CRASHES
      ? `It seems to bring its workers down: its worker was lost ${loneCrashes} times while it ran nothing else`
      : `Its lease ran out in attempt ${attempt}, and it has no more: its workers died, stood still or never got it`
  return { code: 'poisoned', message }
}

/**
 * What becomes of a task whose lease ended without its worker's word. Only what a dead worker ran counts against a task,
 * and it is given up only for workers that ran nothing else: those that stood still, whose answer was lost, or that
 * another task brought down prove nothing.
 */
export function afterLeaseEnd(lease: UnsettledLease): AfterLeaseEnd {
  const crashes = lease.crashes + (lease.isDead ? 1 : 0)
  const loneCrashes = lease.loneCrashes + (lease.isDead && lease.isAlone ? 1 : 0)
  if (lease.cancelRequested) return { status: 'cancelled', crashes, loneCrashes }
  const isPoisoned = loneCrashes >= POISON_CRASHES || lease.attempt >= Math.max(lease.maxAttempts, POISON_ATTEMPTS)
  return { status: isPoisoned ? 'failed' : 'queued', crashes, loneCrashes }
}
