import { type Clock, createNewsRelay, type NewsRelay } from '@taskyard/core'

/** Messages go out at once, then those of this long together. */
const TOGETHER_MS = 20
/** Tasks of which a message tells; what is more is dropped, and said to be missed. */
const MOST_TASKS = 1000

export interface RedisNews extends Omit<NewsRelay, 'hear'> {
  /** A message of another process, or an echo of one's own, on either of the channels. */
  hear(text: string): void
}

/** Sends to the other processes; must not throw. */
export interface NewsChannels {
  news(text: string): void
  cancels(text: string): void
}

/** @param origin tells this process's messages from those of others */
export function createRedisNews(origin: string, clock: Clock, channels: NewsChannels): RedisNews {
  const relay = createNewsRelay({
    clock,
    pauseMs: () => TOGETHER_MS,
    mostTasks: MOST_TASKS,
    send: (items) => channels.news(JSON.stringify([origin, ...items])),
    sendCancels: (requests) => channels.cancels(JSON.stringify([origin, ...requests])),
  })
  return {
    ...relay,
    hear(text) {
      const [from, ...items] = parsed(text)
      if (typeof from === 'string' && from !== origin) relay.hear(from, items)
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
