import { type EnqueueParams, type NewTask, TaskyardError } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { CALL_TIMEOUT_MS } from '../time-limits.ts'
import { queueName } from './submission-locks.ts'

/** Of the server's lock table, what the calls of one line may hold together. As PostgreSQL comes, two of the largest batches fit. */
const SHARE = 1 / 8
const SHARE_OF_BATCHES = 5 / 16

/**
 * Submissions take locks in turns, so that this process alone does not fill the lock table that all clients of the server
 * share. Those that join transactions of callers take no turns.
 */
export interface LockTurns {
  /**
   * Runs `work`, which locks what these submissions name, once there is room. Batches, single submissions and those
   * without a key wait in lines of their own. One that wants more than its line's share runs with nothing beside it.
   * @throws TaskyardError store_unavailable when its turn does not come in time
   */
  inTurn<Result>(
    submissions: EnqueueParams['submissions'],
    hasRoom: boolean,
    work: () => Promise<Result>,
  ): Promise<Result>
}

/** @param tableSize locks that the server has room for */
export function createLockTurns(tableSize: number): LockTurns {
  const lines = {
    batches: createLine(tableSize * SHARE_OF_BATCHES),
    singles: createLine(tableSize * SHARE),
    keyless: createLine(tableSize * SHARE),
  }
  return {
    inTurn(submissions, hasRoom, work) {
      const tasks = submissions.flatMap((submission) => submission.tasks)
      const keys = tasks.filter(({ idempotency }) => idempotency !== null).length
      const locks = keys + (hasRoom ? 0 : countQueues(tasks))
      if (locks === 0) return work()
      if (keys === 0) return lines.keyless(locks, work)
      const line = submissions.every((submission) => submission.tasks.length === 1) ? lines.singles : lines.batches
      return line(locks, work)
    },
  }
}

function countQueues(tasks: readonly NewTask[]): number {
  return new Set(tasks.map(queueName)).size
}

interface Waiting {
  readonly locks: number
  begin(): void
}

function createLine(most: number) {
  const waiting: Waiting[] = []
  let held = 0

  const hasRoomFor = (locks: number) => held === 0 || held + locks <= most

  function beginNext(): void {
    for (let next = waiting[0]; next !== undefined && hasRoomFor(next.locks); next = waiting[0]) {
      waiting.shift()
      held += next.locks
      next.begin()
    }
  }

  function turn(locks: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = () => {
        cancelTimeout()
        resolve()
      }
      const mine = { locks, begin }
      const cancelTimeout = systemClock.after(CALL_TIMEOUT_MS, () => {
        waiting.splice(waiting.indexOf(mine), 1)
        reject(new TaskyardError('store_unavailable', { reason: 'too many submissions with keys are under way' }))
        beginNext()
      })
      waiting.push(mine)
      beginNext()
    })
  }

  return async <Result>(locks: number, work: () => Promise<Result>): Promise<Result> => {
    await turn(locks)
    try {
      return await work()
    } finally {
      held -= locks
      beginNext()
    }
  }
}
