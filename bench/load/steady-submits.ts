import type { OpenedStore } from '@taskyard/core'
import { newTaskMaker } from './tasks.ts'

export interface SteadySubmits {
  /** Tasks that are acknowledged by now. */
  acknowledged(): number
  /** How long the submissions took that have ended since the last time, ms. Throws when one has failed. */
  take(): readonly number[]
  /** Submits no more; resolves when all are acknowledged. */
  stop(): Promise<void>
}

const TICK_MS = 2

/**
 * Submits a task so many times a second, come what may. The time of one is counted from the moment at which it was to begin: one that is
 * held up shows, and so do those behind it.
 */
export function startSteadySubmits(store: OpenedStore, perSecond: number): SteadySubmits {
  const newTask = newTaskMaker(Date.now)
  const underWay = new Set<Promise<void>>()
  let failure: unknown = null
  let latencies: number[] = []
  let acknowledged = 0

  async function submit(dueAt: number): Promise<void> {
    const tasks = [newTask({ queue: 'steady', type: 'steady' })]
    await store.tasks.enqueue({ submissions: [{ tasks }], queueDepth: 1e9 })
    acknowledged += 1
    latencies.push(performance.now() - dueAt)
  }

  function begin(dueAt: number): void {
    const ended = submit(dueAt)
      .catch((error: unknown) => {
        failure ??= error
      })
      .then(() => void underWay.delete(ended))
    underWay.add(ended)
  }

  const startedAt = performance.now()
  let begun = 0
  const timer = setInterval(() => {
    for (; startedAt + (begun * 1000) / perSecond <= performance.now(); begun++)
      begin(startedAt + (begun * 1000) / perSecond)
  }, TICK_MS)

  return {
    acknowledged: () => acknowledged,
    take() {
      if (failure !== null) throw failure
      const taken = latencies
      latencies = []
      return taken
    },
    async stop() {
      clearInterval(timer)
      await Promise.all(underWay)
      if (failure !== null) throw failure
    },
  }
}
