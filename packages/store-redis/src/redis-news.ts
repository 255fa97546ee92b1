import { type Clock, isNewsMessage, type NewsMessage, type NewsPort } from '@taskyard/core'

/** Messages go out at once, then those of this long together. */
const TOGETHER_MS = 20
/** Messages that wait to go out; more are dropped, which costs latency only. */
const MOST_WAITING = 10_000

export interface RedisNews extends NewsPort {
  /** A message of another process, or an echo of one's own. */
  hear(text: string): void
  close(): void
}

/**
 * @param origin tells this process's messages from those of others
 * @param publish sends to the other processes; must not throw
 */
export function createRedisNews(origin: string, clock: Clock, publish: (text: string) => void): RedisNews {
  const subscribers = new Set<(message: NewsMessage) => void>()
  let waiting: NewsMessage[] = []
  let cancelTimer: (() => void) | null = null
  let closed = false

  function deliver(message: NewsMessage): void {
    for (const subscriber of [...subscribers]) subscriber(message)
  }

  function send(): void {
    cancelTimer = null
    if (waiting.length === 0) return
    publish(JSON.stringify([origin, ...waiting]))
    waiting = []
    cancelTimer = clock.after(TOGETHER_MS, send)
  }

  return {
    publish(message) {
      if (closed) return
      deliver(message)
      if (waiting.length < MOST_WAITING) waiting.push(message)
      if (cancelTimer === null) send()
    },
    subscribe(listener) {
      const mine = (message: NewsMessage) => listener(message)
      subscribers.add(mine)
      return () => subscribers.delete(mine)
    },
    hear(text) {
      const [from, ...messages] = parsed(text)
      if (from !== origin) for (const message of messages.filter(isNewsMessage)) deliver(message)
    },
    close() {
      closed = true
      cancelTimer?.()
      subscribers.clear()
    },
  }
}

/** Everybody who may publish on the server may do so here: what is no list says nothing. */
function parsed(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}
