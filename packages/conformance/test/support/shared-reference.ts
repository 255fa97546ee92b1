import { setImmediate } from 'node:timers/promises'
import {
  createReferenceStore,
  emptyReferenceState,
  overlaid,
  type ReferenceState,
  type StoreParts,
  type StoreSetting,
  type StoreUnderTest,
} from '@taskyard/conformance'
import {
  type Clock,
  createNewsRelay,
  type NewsRelay,
  type OpenedStore,
  type ReadyLane,
  type ReadyListener,
  TaskyardError,
  unhealthy,
  unsettable,
} from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { aroundCalls } from '../../src/faults/around-calls.ts'

/** What a shared store may do wrong. */
export interface SharedBug {
  /** Whose time counts. Default: the server's. */
  readonly clock?: 'client'
  /** What a stop of the server does to the data. */
  readonly onStop?: (state: ReferenceState) => void
  /** What a call during an outage does instead of rejecting. */
  readonly duringOutage?: () => Promise<never>
  /** Whether a process hears of what another one did. Default: yes. */
  readonly wakeUpsBetweenProcesses?: boolean
  readonly newsBetweenProcesses?: boolean
  /** What goes wrong with what a process sends of its news; the first has the index 0. */
  readonly sentNews?: (items: readonly { readonly kind: string }[]) => readonly unknown[]
  /** What goes wrong with what its listeners are told. */
  readonly news?: (relay: NewsRelay) => Partial<NewsRelay>
  /** What a stop of the server does to the listeners. */
  readonly deafAfterOutage?: boolean
  readonly silentAfterOutage?: boolean
  /** Replaces calls of one process, the first of which has the index 0. */
  readonly process?: (store: OpenedStore, index: number) => StoreParts
}

/** As long as a call waits for a server that stands still. */
const PATIENCE_MS = 1_500

/** The reference store behind a server that only pretends: it can be stopped, started, paused and resumed. */
export function openSharedReference(setting: StoreSetting, bug: SharedBug = {}): StoreUnderTest {
  const state = emptyReferenceState()
  const serverClock = setting.time === 'server' ? systemClock : setting.clock
  const listeners = new Set<{ readonly process: number; readonly listener: ReadyListener }>()
  const relays: NewsRelay[] = []
  let deaf = false
  const processes: OpenedStore[] = []
  let stops = 0
  let up = true
  let standsStill: { readonly over: Promise<void>; readonly end: () => void } | null = null

  async function reach(): Promise<void> {
    await setImmediate()
    if (!up) await (bug.duringOutage ?? unavailable)()
    if (standsStill === null) return
    const patience = AbortSignal.timeout(PATIENCE_MS)
    await Promise.race([
      standsStill.over,
      new Promise((_resolve, reject) => {
        patience.onabort = () => reject(new TaskyardError('store_unavailable', { reason: 'no answer' }))
      }),
    ])
  }

  function announce(from: number, lanes: readonly ReadyLane[]): void {
    for (const { process, listener } of listeners) {
      if (process === from || bug.wakeUpsBetweenProcesses !== false) listener(lanes)
    }
  }

  function openNews(index: number): NewsRelay {
    const toOthers = (items: readonly { readonly kind: string }[]) => {
      if (!up || deaf || bug.newsBetweenProcesses === false) return
      const sent = structuredClone(bug.sentNews?.(items) ?? items)
      for (const [other, relay] of relays.entries()) if (other !== index) relay.hear(`process-${index}`, sent)
    }
    const relay = createNewsRelay({
      clock: unsettable(systemClock),
      pauseMs: () => 5,
      mostTasks: 500,
      send: toOthers,
      sendCancels: toOthers,
    })
    relays[index] = relay
    relay.connected()
    return { ...relay, ...bug.news?.(relay) }
  }

  function open(clock: Clock): OpenedStore {
    const index = processes.length
    const inner = createReferenceStore(bug.clock === 'client' ? clock : serverClock, state)
    inner.wakeUps.subscribe((lanes) => announce(index, lanes))
    const reached = aroundCalls(inner, async (_operation, call) => {
      await reach()
      const before = stops
      const reply = await call()
      await setImmediate()
      if (stops > before) throw new TaskyardError('store_unavailable', { reason: 'the connection broke' })
      return reply
    })
    const news = openNews(index)
    const store: OpenedStore = {
      ...reached,
      news,
      wakeUps: { ...reached.wakeUps, subscribe: (listener) => added(listeners, { process: index, listener }) },
      lifecycle: {
        ...reached.lifecycle,
        health: () =>
          reach().then(
            () => inner.lifecycle.health(),
            (error) => unhealthy(error, 0),
          ),
      },
    }
    processes.push(store)
    return overlaid(store, bug.process?.(store, index) ?? {})
  }

  const first = open(setting.clock)
  return {
    store: first,
    news: first.news,
    async reopen() {
      await first.lifecycle.close()
      return open(setting.clock)
    },
    async another({ clock = setting.clock } = {}) {
      await reach()
      return open(clock)
    },
    async destroy() {
      for (const store of processes) await store.lifecycle.close()
      for (const relay of relays) relay.close()
    },
    server: {
      async stop() {
        up = false
        stops += 1
        bug.onStop?.(state)
        if (bug.deafAfterOutage) listeners.clear()
        deaf = bug.deafAfterOutage === true
      },
      async start() {
        up = true
        const lanes = [...state.tasks.values()].map(({ task }) => task)
        if (bug.silentAfterOutage) return
        for (const { listener } of listeners) listener(lanes)
        for (const relay of relays) relay.connected()
      },
      pause() {
        const { promise, resolve } = Promise.withResolvers<void>()
        standsStill = { over: promise, end: resolve }
      },
      resume() {
        standsStill?.end()
        standsStill = null
      },
    },
  }
}

async function unavailable(): Promise<never> {
  throw new TaskyardError('store_unavailable', { reason: 'it was stopped' })
}

function added<Item>(items: Set<Item>, item: Item): () => void {
  items.add(item)
  return () => items.delete(item)
}
