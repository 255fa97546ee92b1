import type { BusMessage, EventBus } from '@taskyard/core'

/** News within one process. */
export function createLocalEventBus(): EventBus {
  const listeners = new Set<(message: BusMessage) => void>()
  return {
    publish(message) {
      for (const listener of listeners) listener(message)
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
