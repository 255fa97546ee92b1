import type { NewsMessage, NewsPort } from '@taskyard/core'

/** News within one process. */
export function createLocalNews(): NewsPort {
  const listeners = new Set<(message: NewsMessage) => void>()
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
