import type { CancelRequested, NewsItem, ReadyLane, TaskNews } from '@taskyard/core'
import { laneName, type News } from './signal-document.ts'

/** What one write, and what all that a document keeps, may carry. */
const MOST_LANES = 500
export const MOST_CHANGES = 300
const MOST_OTHERS = 5_000
const NEWS_KEPT = 50

const MISSED = { kind: 'missed' } as const

export type Message = NewsItem | CancelRequested

/** What has come since it was last taken. */
export interface PendingNews {
  addLanes(lanes: readonly ReadyLane[]): void
  /** Changes beyond a number are dropped, and said to be missed. */
  addMessages(messages: readonly Message[]): void
  /** All of it; `null`: nothing has come. */
  take(): Omit<News, 'n'> | null
}

/** For one process; nothing is written here. */
export function createPendingNews(): PendingNews {
  let lanes = new Set<string>()
  let changes: TaskNews[] = []
  let others: Message[] = []
  let isTooMuch = false
  return {
    addLanes(ready) {
      for (const lane of ready) lanes.add(laneName(lane))
    },
    addMessages(messages) {
      for (const message of messages) {
        if (!isChange(message)) others.push(message)
        else if (changes.length < MOST_CHANGES) changes.push(message)
        else isTooMuch = true
      }
    },
    take() {
      if (lanes.size + changes.length + others.length === 0) return null
      const taken = {
        lanes: lanes.size > MOST_LANES ? null : [...lanes],
        messages: [...others, ...changes, ...(isTooMuch ? [MISSED] : [])],
      }
      lanes = new Set()
      changes = []
      others = []
      isTooMuch = false
      return taken
    },
  }
}

/** The newest of these: older changes go first, for which readers only look. Requests to cancel stay until they have been read. */
export function newestNews(all: readonly News[]): readonly News[] {
  const news = all.slice(-NEWS_KEPT)
  const count = (items: readonly News[]) => items.reduce((sum, { messages }) => sum + messages.length, 0)
  if (count(news) <= MOST_CHANGES) return news
  const last = news.length - 1
  let kept = news.map((item, i) => (i === last ? item : withoutChanges(item)))
  while (kept.length > 1 && count(kept) > MOST_CHANGES + MOST_OTHERS) kept = kept.slice(1)
  return kept
}

function withoutChanges(news: News): News {
  const others = news.messages.filter((message) => !isChange(message))
  if (others.length === news.messages.length) return news
  return { ...news, messages: others.some(({ kind }) => kind === 'missed') ? others : [...others, MISSED] }
}

function isChange(message: Message): message is TaskNews {
  return message.kind === 'changed' || message.kind === 'recorded'
}
