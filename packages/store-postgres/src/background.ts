import { type ChoreFailure, TaskyardError } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'

/** Chores that may take long: each by itself, and never twice at the same time. */
export interface Background {
  /** Begins, unless it is under way. Work that resolves to `false` was not to be done yet, and says nothing. */
  start(chore: string, work: () => Promise<boolean>): void
  /** Begins likewise, and waits for it, so long at most. Milliseconds. */
  startAndWait(chore: string, work: () => Promise<boolean>, longestMs: number): Promise<void>
  /** Does a chore that is waited for; `null` when it fails. */
  attempt<Result>(chore: string, work: () => Promise<Result>): Promise<Result | null>
  /** Of the chores that failed when they ran last. */
  failures(): readonly ChoreFailure[]
  /** Resolves when no chore is under way. */
  idle(): Promise<void>
}

/** Nothing runs until it is started; a chore that fails keeps its error until it next succeeds. */
export function createBackground(): Background {
  const underWay = new Map<string, Promise<void>>()
  const failed = new Map<string, TaskyardError>()

  async function attempt<Result>(chore: string, work: () => Promise<Result>): Promise<Result | null> {
    try {
      const result = await work()
      if (result !== false) failed.delete(chore)
      return result
    } catch (error) {
      failed.set(chore, toTaskyardError(error))
      return null
    }
  }

  function start(chore: string, work: () => Promise<boolean>): Promise<void> {
    const before = underWay.get(chore)
    if (before !== undefined) return before
    const running = attempt(chore, work).then(() => {
      underWay.delete(chore)
    })
    underWay.set(chore, running)
    return running
  }

  return {
    attempt,
    start,
    async startAndWait(chore, work, longestMs) {
      // A database is waited for in real time, whatever clock the tasks go by.
      const { promise: isLate, resolve } = Promise.withResolvers<void>()
      const cancel = systemClock.after(longestMs, resolve)
      await Promise.race([start(chore, work), isLate])
      cancel()
    },
    failures: () => [...failed].map(([chore, error]) => ({ chore, error })),
    async idle() {
      await Promise.all(underWay.values())
    },
  }
}

function toTaskyardError(error: unknown): TaskyardError {
  if (error instanceof TaskyardError) return error
  return new TaskyardError('internal', { reason: String(error) }, { cause: error })
}
