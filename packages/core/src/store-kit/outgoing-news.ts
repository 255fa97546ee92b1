import type { Clock } from '../ports/clock.ts'
import type { CancelRequested } from '../ports/news.ts'
import type { TaskInterest, TaskNews } from './news-interest.ts'

/** What processes tell each other, beside requests to cancel. */
export type NewsItem =
  | TaskNews
  /** There was more than is told. */
  | { readonly kind: 'missed' }
  /** What the sender listens for, and whether it asks the others for the same. */
  | { readonly kind: 'listening'; readonly interests: readonly TaskInterest[]; readonly asks: boolean }

export interface OutgoingOptions {
  /** Monotonic. */
  readonly clock: Clock
  /** Between two sends; the first goes out at once. Milliseconds. */
  pauseMs(): number
  /** Tasks of which news is sent at a time: the newest of each. */
  readonly mostTasks: number
  /** To all other processes; must not throw. */
  send(items: readonly NewsItem[]): void
  sendCancels(requests: readonly CancelRequested[]): void
}

/** What waits to be sent. */
export interface OutgoingNews {
  add(news: TaskNews): void
  addCancel(request: CancelRequested): void
  /** Sends what there is, now or at the end of the pause. */
  sendSoon(): void
  close(): void
}

/** Requests to cancel that wait to be sent. */
const MOST_CANCELS = 10_000

/** @param before what else goes out with a send, asked for right before it */
export function createOutgoingNews(options: OutgoingOptions, before: () => readonly NewsItem[]): OutgoingNews {
  const waiting = new Map<string, TaskNews>()
  let cancels: CancelRequested[] = []
  let isTooMuch = false
  let cancelPause: (() => void) | null = null
  let closed = false

  function sendSoon(): void {
    if (cancelPause === null && !closed) sendAll()
  }

  function sendAll(): void {
    cancelPause = null
    const requests = cancels
    cancels = []
    const items = [...before(), ...takeNews()]
    if (requests.length === 0 && items.length === 0) return
    cancelPause = options.clock.after(options.pauseMs(), sendAll)
    if (requests.length > 0) options.sendCancels(requests)
    if (items.length > 0) options.send(items)
  }

  function takeNews(): readonly NewsItem[] {
    const items: readonly NewsItem[] = [...waiting.values(), ...(isTooMuch ? [{ kind: 'missed' as const }] : [])]
    waiting.clear()
    isTooMuch = false
    return items
  }

  return {
    add(news) {
      const known = waiting.get(news.taskId)
      if (known === undefined && waiting.size >= options.mostTasks) isTooMuch = true
      // A change stands for all that came before it; a record says less than a change.
      else if (known === undefined || news.kind === 'changed') waiting.set(news.taskId, news)
      sendSoon()
    },
    addCancel(request) {
      if (cancels.length < MOST_CANCELS) cancels.push(request)
      sendSoon()
    },
    sendSoon,
    close() {
      closed = true
      cancelPause?.()
    },
  }
}
