import type { EndedLease } from '@taskyard/core'
import type { EngineHealth } from './engine.ts'
import type { Parts } from './parts.ts'

/** A sweep runs at least this often: it bounds how late an expired lease is noticed. Milliseconds. */
const LONGEST_PAUSE_MS = 1000
const TASKS_PER_CHORE = 1000

export interface Sweeper {
  start(): void
  /** Resolves when a sweep under way has ended. */
  stop(): Promise<void>
  /** Something is due at this time (ms): be there. */
  wakeAt(time: number): void
  health(): EngineHealth['services'][number]
}

/** Runs the store's housekeeping whenever something is due. */
export function createSweeper(parts: Parts, onEnded: (ended: readonly EndedLease[]) => void): Sweeper {
  const { store, clock, random, observer, retention, cancelGraceMs } = parts
  let stopped = false
  let cancelTimer = () => {}
  let nextAt = Number.POSITIVE_INFINITY
  let underWay: Promise<void> | null = null
  let lastRunAt: number | null = null
  let failure: string | null = null

  function plan(time: number): void {
    if (stopped || underWay !== null) {
      nextAt = Math.min(nextAt, time)
      return
    }
    cancelTimer()
    nextAt = time
    cancelTimer = clock.after(Math.max(0, time - clock.now()), run)
  }

  function run(): void {
    nextAt = Number.POSITIVE_INFINITY
    underWay = sweepOnce().then((wanted) => {
      underWay = null
      plan(Math.min(nextAt, wanted, clock.now() + LONGEST_PAUSE_MS))
    })
  }

  async function sweepOnce(): Promise<number> {
    try {
      const params = { cancelGraceMs, retention, limit: TASKS_PER_CHORE, jitter: random() }
      const report = await store.sweep(params)
      onEnded(report.ended)
      lastRunAt = clock.now()
      failure = null
      return report.nextAt ?? Number.POSITIVE_INFINITY
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error)
      observer.backgroundError?.('sweeper', error)
      return Number.POSITIVE_INFINITY
    }
  }

  return {
    start: () => plan(clock.now()),
    async stop() {
      stopped = true
      cancelTimer()
      await underWay
    },
    wakeAt(time) {
      if (time < nextAt) plan(time)
    },
    health: () => ({ name: 'sweeper', healthy: failure === null, lastRunAt, reason: failure }),
  }
}
