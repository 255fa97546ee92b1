import type { Clock } from '@taskyard/core'
import { withDeadline } from './connect.ts'

export interface SingleFlight {
  /**
   * Resolves when something has been done for each key: by `run` for those that nobody is at yet, and by whoever is at the
   * others. Rejects as the first of these does.
   */
  each(keys: readonly string[], run: (keys: readonly string[]) => Promise<void>): Promise<void>
}

/** What takes longer may never end: it fails for those that wait, and is begun anew for those that come then. Milliseconds. */
const LONGEST_MS = 5_000

/** Lets calls that come together do what all of them need once. */
export function createSingleFlight(clock: Clock): SingleFlight {
  const byKey = new Map<string, Promise<void>>()

  function start(keys: readonly string[], run: (keys: readonly string[]) => Promise<void>): Promise<void> {
    const running = withDeadline(clock, LONGEST_MS, () => run(keys)).finally(() => {
      for (const key of keys) byKey.delete(key)
    })
    for (const key of keys) byKey.set(key, running)
    return running
  }

  return {
    async each(keys, run) {
      const free = keys.filter((key) => !byKey.has(key))
      const others = keys.map((key) => byKey.get(key)).filter((running) => running !== undefined)
      await Promise.all([...new Set(others), ...(free.length === 0 ? [] : [start(free, run)])])
    },
  }
}
