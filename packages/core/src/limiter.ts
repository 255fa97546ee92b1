import { TaskyardError } from './errors.ts'
import type { Clock } from './ports/clock.ts'

/** Runs what it is given, so many at a time and the others in their order. */
export type Limiter = <Result>(run: () => Promise<Result>) => Promise<Result>

export interface LimiterParams {
  readonly most: number
  readonly clock: Pick<Clock, 'after'>
  /** What is waited for, in the words of a reason: `too many … are under way`. */
  readonly what: string
}

/** About as long as a store's own calls may take. */
const LONGEST_WAIT_MS = 5000

/**
 * A limiter of `most` calls at a time, first come, first served.
 * @throws TaskyardError store_unavailable from a call that waits for its turn for longer than 5 s
 */
export function createLimiter({ most, clock, what }: LimiterParams): Limiter {
  const waiting = new Set<() => void>()
  let underWay = 0

  function turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = () => {
        cancelTimeout()
        resolve()
      }
      const cancelTimeout = clock.after(LONGEST_WAIT_MS, () => {
        waiting.delete(begin)
        reject(new TaskyardError('store_unavailable', { reason: `too many ${what} are under way` }))
      })
      waiting.add(begin)
    })
  }

  return async (run) => {
    if (underWay < most) underWay++
    else await turn()
    try {
      return await run()
    } finally {
      const [next] = waiting
      if (next === undefined) underWay--
      else {
        waiting.delete(next)
        next()
      }
    }
  }
}
