import type { Clock } from '../ports/clock.ts'
import type { NewsPort } from '../ports/news.ts'
import { createForeignInterests } from './foreign-interests.ts'
import { isNewsMessage } from './is-news-message.ts'
import { isTaskInterest } from './news-interest.ts'
import { createNewsListeners, type NewsListeners } from './news-listeners.ts'
import { createOutgoingNews, type NewsItem, type OutgoingOptions } from './outgoing-news.ts'

/** News within a process, and to and from others over a connection of whatever kind. */
export interface NewsRelay extends NewsPort {
  /**
   * What has come from another process. Everybody who reaches the server can speak there, also servers of versions to come: what
   * is not understood is left out.
   */
  hear(process: string, items: readonly unknown[]): void
  /** The connection stands, for the first time or again: what was sent meanwhile is missed, and who listens is asked anew. */
  connected(): void
  /** Something that was sent has not come. */
  missed(): void
  close(): void
}

/** A process says what it listens for this often, and is forgotten when it has not for so long. Milliseconds. */
const RENEW_MS = 10_000
const FORGET_MS = 35_000

/**
 * Every process says what it listens for, and is sent that alone: where nobody listens, nothing is sent. Of each task the
 * newest word goes out, so many tasks at a time; what is more is dropped, and said to be missed. Requests to cancel have
 * nothing to do with all this.
 */
export function createNewsRelay(options: OutgoingOptions): NewsRelay {
  const { clock } = options
  const listeners = createNewsListeners()
  const others = createForeignInterests()
  const own = createAnnouncement(listeners, clock, () => outgoing.sendSoon())
  const outgoing = createOutgoingNews(options, () => {
    others.forgetExpired(clock.now())
    return own.take()
  })
  let hasConnected = false
  let closed = false

  function hearItem(process: string, item: unknown): void {
    if (isNewsMessage(item)) return item.kind === 'cancel-requested' ? listeners.tellCancel(item) : listeners.tell(item)
    const { kind, interests, asks } = (item ?? {}) as Readonly<Record<string, unknown>>
    if (kind === 'missed') listeners.tellMissed()
    if (kind !== 'listening' || !Array.isArray(interests)) return
    others.update(process, interests.filter(isTaskInterest), clock.now() + FORGET_MS)
    if (asks === true && listeners.isListening()) own.announce('says')
  }

  return {
    publish(message) {
      if (closed) return
      if (message.kind === 'cancel-requested') {
        listeners.tellCancel(message)
        outgoing.addCancel(message)
      } else {
        listeners.tell(message)
        if (others.isWanted(message)) outgoing.add(message)
      }
    },
    subscribe(interest, listener) {
      const stop = listeners.add(interest, listener)
      // Before the connection stands nothing would be heard of what others sent.
      if (interest.of !== 'cancel-requests' && hasConnected) own.announce('says')
      return stop
    },
    isHeard: (status) => listeners.isHeard(status) || others.isHeard(status),
    hear(process, items) {
      for (const item of items) hearItem(process, item)
    },
    connected() {
      if (hasConnected) listeners.tellMissed()
      hasConnected = true
      own.announce('asks')
    },
    missed: listeners.tellMissed,
    close() {
      closed = true
      outgoing.close()
      own.close()
    },
  }
}

/** News within one process. */
export function createLocalNews(): NewsPort {
  const listeners = createNewsListeners()
  return {
    publish: (message) =>
      message.kind === 'cancel-requested' ? listeners.tellCancel(message) : listeners.tell(message),
    subscribe: listeners.add,
    isHeard: listeners.isHeard,
  }
}

/** What this process says of its own interests: when they become more, when it is asked, and every now and then. */
function createAnnouncement(listeners: NewsListeners, clock: Clock, sendSoon: () => void) {
  let next: 'nothing' | 'says' | 'asks' = 'nothing'
  let wasListening = false
  let cancelRenewal: (() => void) | null = null

  function announce(what: 'says' | 'asks'): void {
    if (next !== 'asks') next = what
    sendSoon()
  }

  return {
    announce,
    take(): readonly NewsItem[] {
      if (next === 'nothing') return []
      const asks = next === 'asks'
      next = 'nothing'
      const interests = listeners.interests()
      const mustSend = interests.length > 0 || wasListening || asks
      wasListening = interests.length > 0
      if (wasListening) {
        cancelRenewal ??= clock.after(RENEW_MS, () => {
          cancelRenewal = null
          announce('says')
        })
      }
      return mustSend ? [{ kind: 'listening', interests, asks }] : []
    },
    close: () => cancelRenewal?.(),
  }
}
