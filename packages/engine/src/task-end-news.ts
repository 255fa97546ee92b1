import { type Clock, type NewsMessage, type NewsPort, TERMINAL_STATUSES } from '@taskyard/core'

/**
 * Since the last wait. Whoever waits for one task is likely to wait for the next, and it takes other processes a moment to know
 * that somebody listens here: a task that ends within it would be told nobody. Milliseconds.
 */
const LISTEN_ON_MS = 30_000

/** Listens for the ends of all tasks while somebody waits for some, and a little longer. */
export interface TaskEndNews {
  /** Somebody waits; until the returned function is called. */
  listen(): () => void
  stop(): void
}

/** `onEnd` is called for every task that ends, in whatever namespace, not only for those somebody waits for. */
export function createTaskEndNews(news: NewsPort, clock: Clock, onEnd: (message: NewsMessage) => void): TaskEndNews {
  let listeners = 0
  let unsubscribe: (() => void) | null = null
  let cancelTimer = () => {}
  let stopped = false

  function forget(): void {
    cancelTimer()
    unsubscribe?.()
    unsubscribe = null
  }

  return {
    listen() {
      cancelTimer()
      listeners += 1
      if (!stopped)
        unsubscribe ??= news.subscribe({ of: 'tasks', statuses: TERMINAL_STATUSES }, (message) => {
          if (message.kind !== 'missed') onEnd(message)
        })
      return () => {
        listeners -= 1
        if (listeners === 0 && unsubscribe !== null) cancelTimer = clock.after(LISTEN_ON_MS, forget)
      }
    },
    stop() {
      stopped = true
      forget()
    },
  }
}
