import type { ReadyLane } from '@taskyard/core'
import { laneFrom, newsOf, type ReadNews, type SignalDocument } from './signal-document.ts'

/** Who is told of what others have told. */
export interface NewsHandlers {
  onReady(lanes: readonly ReadyLane[]): void
  onMessages(processId: string, messages: readonly unknown[]): void
}

/** Tells of what is new in documents that are read again and again. @returns whether some of the news was missed */
export type NewsReader = (documents: readonly SignalDocument[]) => boolean

/** Of a process whose document is new to this reader all news counts as new. */
export function createNewsReader({ onReady, onMessages }: NewsHandlers): NewsReader {
  /** The last number heard, of each process whose document was there at the last read. */
  let heard: ReadonlyMap<string, number> = new Map()

  /** @param last the last number heard of this process, `null` of one that is new */
  function tell(processId: string, news: readonly ReadNews[], last: number | null): boolean {
    const fresh = news.filter(({ n }) => n > (last ?? 0))
    onReady(fresh.flatMap(({ lanes }) => (lanes ?? []).map(laneFrom)))
    onMessages(
      processId,
      fresh.flatMap(({ messages }) => messages),
    )
    const hasGap = last !== null && fresh[0] !== undefined && fresh[0].n > last + 1
    return hasGap || fresh.some(({ lanes }) => lanes === null)
  }

  return (documents) => {
    const before = heard
    const processes = documents
      .filter(({ _id }) => typeof _id === 'string')
      .map((document) => ({ _id: document._id, news: newsOf(document) }))
    // Not backwards: a write that comes late may leave older news in a document for some time.
    const lastOf = (_id: string, news: readonly ReadNews[]) => Math.max(before.get(_id) ?? 0, news.at(-1)?.n ?? 0)
    heard = new Map(processes.map(({ _id, news }) => [_id, lastOf(_id, news)]))
    return processes.map(({ _id, news }) => tell(_id, news, before.get(_id) ?? null)).includes(true)
  }
}
