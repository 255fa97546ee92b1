import type { ErrorCode, TaskyardError } from '@taskyard/core'

/** What the command line exits with. Part of its contract: documented, never renumbered. */
export const EXIT = {
  ok: 0,
  /** The work was done and the answer is bad: a task failed, `doctor` found a problem, the server could not start. */
  failed: 1,
  /** The command, its input or the configuration is wrong. */
  usage: 2,
  /** There is no such task or queue. */
  notFound: 3,
  /** The task's state does not allow it. */
  conflict: 4,
  /** The server cannot be reached, or cannot serve now: worth trying again. */
  unavailable: 5,
  /** Waiting is over and the task has not ended. */
  timedOut: 6,
  /** Ended by Ctrl-C. */
  interrupted: 130,
} as const

/** The exit code that tells a script what kind of failure it met. */
export function exitCodeOf(error: TaskyardError): number {
  if (NOT_FOUND.includes(error.code)) return EXIT.notFound
  if (error.status === 409) return EXIT.conflict
  if (error.code === 'invalid_configuration') return EXIT.usage
  if (error.status === 429 || error.status === 503) return EXIT.unavailable
  return error.status < 500 ? EXIT.usage : EXIT.failed
}

const NOT_FOUND: readonly ErrorCode[] = ['task_not_found', 'queue_not_found']
