import type { CancelRequested, NewsItem } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import type { Database } from './database.ts'
import { writeNotifications } from './notifications.ts'

/** What there is to tell goes out at once, and then at most this often. NOTIFY makes commits wait for each other, so it is used sparingly. */
export const NOTIFY_EVERY_MS = 20

/** Without waiting for the disk, as every commit that is written meanwhile would do, too. */
const NOTIFY = `SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, payload)
  FROM unnest($2::text[]) AS p (payload)`

/** Tells the other processes. What gets lost costs latency only. */
export interface Notifier {
  /** These lanes have got ready tasks. */
  tellLanes(lanes: readonly number[]): void
  tellNews(items: readonly NewsItem[]): void
  /** Goes out before all news. */
  tellCancels(requests: readonly CancelRequested[]): void
  close(): void
}

/** @param processId tells this process's payloads from those of others */
export function createNotifier(database: Database, channel: string, processId: string): Notifier {
  let lanes = new Set<number>()
  let news: NewsItem[] = []
  let cancels: CancelRequested[] = []
  let cancelPause: (() => void) | null = null
  let closed = false

  function tellSoon(): void {
    if (cancelPause === null && !closed) tell()
  }

  function tell(): void {
    cancelPause = null
    if (lanes.size + news.length + cancels.length === 0) return
    cancelPause = systemClock.after(NOTIFY_EVERY_MS, tell)
    const payloads = writeNotifications({ from: processId, lanes: [...lanes], messages: [...cancels, ...news] })
    lanes = new Set()
    news = []
    cancels = []
    database.run(NOTIFY, [channel, payloads]).catch(() => {})
  }

  return {
    tellLanes(numbers) {
      for (const lane of numbers) lanes.add(lane)
      tellSoon()
    },
    tellNews(items) {
      news.push(...items)
      tellSoon()
    },
    tellCancels(requests) {
      cancels.push(...requests)
      tellSoon()
    },
    close() {
      closed = true
      cancelPause?.()
    },
  }
}
