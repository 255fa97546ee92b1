import { type Clock, isTerminal, type Task } from '@taskyard/core'
import type { FollowedTasks, TaskName } from './followed-tasks.ts'

/** Something has, or may have, become of a task. */
export interface Change {
  readonly terminal: boolean
  /** As a look found it; `null`: nobody has looked. */
  readonly task: Task | null
  /** `false`: something that nobody told may have happened. */
  readonly isSure: boolean
}

export interface TaskChanges {
  /**
   * Resolves with what has come since the last call, else at the next change; with `null` after a time and when it is over.
   * Rejects when a look at the task fails.
   */
  next(waitMs: number): Promise<Change | null>
  isOver(): boolean
  end(): void
}

export interface ChangesOptions {
  /** News of every change, or of the end alone. */
  readonly what: 'all' | 'end'
  readonly followed: FollowedTasks
  readonly clock: Clock
  /** It is over when this aborts, or when tasks are followed no more. */
  readonly signal: AbortSignal | undefined
  /** Of other changes nothing is told. */
  isWanted(change: Change): boolean
}

interface Waiting {
  resolve(change: Change | null): void
  reject(error: unknown): void
}

/** The changes of one task from now on: from news, and from the looks that all who follow tasks share. */
export function followChanges(
  task: TaskName,
  { followed, what, clock, signal, isWanted }: ChangesOptions,
): TaskChanges {
  let missed: Change | null = null
  let waiting: Waiting | null = null
  const isOver = () => signal?.aborted === true || followed.isStopped()

  function tell(change: Change): void {
    if (!isWanted(change)) return
    if (waiting !== null) return waiting.resolve(change)
    // An end that was told stays one, whatever a look before it says.
    missed = missed?.terminal && !change.terminal ? missed : change
  }

  const wake = () => waiting?.resolve(null)
  const unfollow = followed.follow(task, what, {
    seen: (task) => tell({ terminal: isTerminal(task.status), task, isSure: true }),
    told: (message) =>
      tell({
        terminal: message.kind === 'changed' && isTerminal(message.status),
        task: null,
        isSure: message.kind !== 'missed',
      }),
    failed: (error) => waiting?.reject(error),
    stopped: wake,
  })
  signal?.addEventListener('abort', wake)

  return {
    async next(waitMs) {
      if (missed === null && !isOver()) return waitFor(waitMs)
      const change = missed
      missed = null
      return change
    },
    isOver,
    end() {
      unfollow()
      signal?.removeEventListener('abort', wake)
    },
  }

  async function waitFor(waitMs: number): Promise<Change | null> {
    const { promise, resolve, reject } = Promise.withResolvers<Change | null>()
    const cancelTimer = clock.after(waitMs, () => resolve(null))
    waiting = { resolve, reject }
    try {
      return await promise
    } finally {
      waiting = null
      cancelTimer()
    }
  }
}
