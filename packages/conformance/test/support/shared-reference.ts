import { setImmediate } from 'node:timers/promises'
import {
  createReferenceStore,
  emptyReferenceState,
  type ReferenceState,
  type StoreOverrides,
  type StoreSetting,
  type StoreUnderTest,
  withOverrides,
} from '@taskyard/conformance'
import {
  type Clock,
  createNewsRelay,
  monotonicClock,
  type NewsRelay,
  type OpenedStore,
  type ReadyLane,
  type ReadyListener,
  TaskyardError,
  unhealthy,
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
  readonly process?: (store: OpenedStore, index: number) => StoreOverrides
}

/** As long as a call waits for a server that stands still. */
const CALL_TIMEOUT_MS = 1_500

/** The reference store behind a server that only pretends: it can be stopped, started, paused and resumed. */
export function openSharedReference(setting: StoreSetting, bug: SharedBug = {}): StoreUnderTest {
  const server = new PretendedServer(setting, bug)
  const first = server.open(setting.clock)
  return {
    store: first,
    news: first.news,
    async reopen() {
      await first.lifecycle.close()
      return server.open(setting.clock)
    },
    async openAnother({ clock = setting.clock } = {}) {
      await server.reach()
      return server.open(clock)
    },
    destroy: () => server.closeAll(),
    server,
  }
}

class PretendedServer {
  readonly #bug: SharedBug
  readonly #clock: Clock
  readonly #state = emptyReferenceState()
  readonly #listeners = new Set<{ readonly process: number; readonly listener: ReadyListener }>()
  readonly #relays: NewsRelay[] = []
  readonly #processes: OpenedStore[] = []
  #deaf = false
  #stops = 0
  #up = true
  #standsStill: { readonly over: Promise<void>; readonly end: () => void } | null = null

  constructor({ time, clock }: StoreSetting, bug: SharedBug) {
    this.#bug = bug
    this.#clock = time === 'server' ? systemClock : clock
  }

  async stop() {
    this.#up = false
    this.#stops += 1
    this.#bug.onStop?.(this.#state)
    if (this.#bug.deafAfterOutage) this.#listeners.clear()
    this.#deaf = this.#bug.deafAfterOutage === true
  }

  async start() {
    this.#up = true
    const lanes = [...this.#state.tasks.values()].map(({ task }) => task)
    if (this.#bug.silentAfterOutage) return
    for (const { listener } of this.#listeners) listener(lanes)
    for (const relay of this.#relays) relay.connected()
  }

  pause() {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#standsStill = { over: promise, end: resolve }
  }

  resume() {
    this.#standsStill?.end()
    this.#standsStill = null
  }

  async reach(): Promise<void> {
    await setImmediate()
    if (!this.#up) await (this.#bug.duringOutage ?? unavailable)()
    if (this.#standsStill === null) return
    const timeout = AbortSignal.timeout(CALL_TIMEOUT_MS)
    await Promise.race([
      this.#standsStill.over,
      new Promise((_resolve, reject) => {
        timeout.onabort = () => reject(new TaskyardError('store_unavailable', { reason: 'no answer' }))
      }),
    ])
  }

  /** The store as one more process has it. */
  open(clock: Clock): OpenedStore {
    const index = this.#processes.length
    const inner = createReferenceStore(this.#bug.clock === 'client' ? clock : this.#clock, this.#state)
    inner.wakeUps.subscribe((lanes) => this.#announce(index, lanes))
    const reached = this.#reached(inner)
    const store: OpenedStore = {
      ...reached,
      news: this.#openNews(index),
      wakeUps: {
        ...reached.wakeUps,
        subscribe: (listener) => added(this.#listeners, { process: index, listener }),
      },
    }
    this.#processes.push(store)
    return withOverrides(store, this.#bug.process?.(store, index) ?? {})
  }

  async closeAll(): Promise<void> {
    for (const store of this.#processes) await store.lifecycle.close()
    for (const relay of this.#relays) relay.close()
  }

  #reached(inner: OpenedStore): OpenedStore {
    const reached = aroundCalls(inner, async (_operation, call) => {
      await this.reach()
      const before = this.#stops
      const reply = await call()
      await setImmediate()
      if (this.#stops > before) throw new TaskyardError('store_unavailable', { reason: 'the connection broke' })
      return reply
    })
    const health = () =>
      this.reach().then(
        () => inner.lifecycle.health(),
        (error) => unhealthy(error, 0),
      )
    return { ...reached, lifecycle: { ...reached.lifecycle, health } }
  }

  #announce(from: number, lanes: readonly ReadyLane[]): void {
    for (const { process, listener } of this.#listeners) {
      if (process === from || this.#bug.wakeUpsBetweenProcesses !== false) listener(lanes)
    }
  }

  #openNews(index: number): NewsRelay {
    const toOthers = (items: readonly { readonly kind: string }[]) => {
      if (!this.#up || this.#deaf || this.#bug.newsBetweenProcesses === false) return
      const sent = structuredClone(this.#bug.sentNews?.(items) ?? items)
      for (const [other, relay] of this.#relays.entries()) if (other !== index) relay.hear(`process-${index}`, sent)
    }
    const relay = createNewsRelay({
      clock: monotonicClock(systemClock),
      pauseMs: () => 5,
      mostTasks: 500,
      send: toOthers,
      sendCancels: toOthers,
    })
    this.#relays[index] = relay
    relay.connected()
    return { ...relay, ...this.#bug.news?.(relay) }
  }
}

async function unavailable(): Promise<never> {
  throw new TaskyardError('store_unavailable', { reason: 'it was stopped' })
}

function added<Item>(items: Set<Item>, item: Item): () => void {
  items.add(item)
  return () => items.delete(item)
}
