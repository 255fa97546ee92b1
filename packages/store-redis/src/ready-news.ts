import type { Clock, ReadyLane, ReadyListener } from '@taskyard/core'
import { F } from './task-records.ts'

/** News of a lane goes out at once, then not again for this long. */
const QUIET_MS = 20
/** Lanes in one message; those beyond it are found by polling. */
const LANES_PER_MESSAGE = 500

/** Who hears that tasks have become ready: listeners of this process at once, other processes by a message. */
export interface ReadyNews {
  /** @param lanes as scripts answer: names joined, '' for none */
  announce(lanes: string): void
  /** A message of another process. */
  hear(message: string): void
  listen(listener: ReadyListener): () => void
  close(): void
}

/**
 * @param origin tells this process's messages from those of others
 * @param publish sends to the other processes; must not throw
 */
export function createReadyNews(origin: string, clock: Clock, publish: (message: string) => void): ReadyNews {
  const listeners = new Set<ReadyListener>()
  const pending = new Set<string>()
  let cancelTimer: (() => void) | null = null

  function tellListeners(lanes: readonly ReadyLane[]): void {
    for (const listener of [...listeners]) listener(lanes)
  }

  function tellOthers(): void {
    cancelTimer = null
    if (pending.size === 0) return
    const lanes = [...pending].slice(0, LANES_PER_MESSAGE)
    pending.clear()
    publish([origin, ...lanes].join(F))
    cancelTimer = clock.after(QUIET_MS, tellOthers)
  }

  return {
    announce(text) {
      if (text === '') return
      const names = text.split(F)
      tellListeners(names.map(laneOf))
      for (const lane of names) pending.add(lane)
      if (cancelTimer === null) tellOthers()
    },
    hear(message) {
      const [from, ...names] = message.split(F)
      if (from !== origin && names.length > 0) tellListeners(names.map(laneOf))
    },
    listen(listener) {
      // A wrapper of its own for each call: the same listener may be added twice.
      const mine: ReadyListener = (lanes) => listener(lanes)
      listeners.add(mine)
      return () => listeners.delete(mine)
    },
    close() {
      cancelTimer?.()
      listeners.clear()
    },
  }
}

function laneOf(names: string): ReadyLane {
  const [namespace, queue, type] = names.split('\n') as [string, string, string]
  return { namespace, queue, type }
}
