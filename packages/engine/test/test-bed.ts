import type { TestContext } from 'node:test'
import { createReferenceStore, createSimulatedClock, type SettableClock } from '@taskyard/conformance'
import { createLocalNews, type JsonText, type OpenedStore, TaskyardError, toJsonText, wrapCalls } from '@taskyard/core'
import { createUuidV7Generator } from '@taskyard/core/runtime'
import { createEngine, type Engine, type EngineOptions, type UseCases } from '../src/index.ts'

/** An engine, and what can be done in the default namespace. */
export type EngineInDefault = Engine & UseCases

export function createEngineInDefault(options: EngineOptions): EngineInDefault {
  const engine = createEngine(options)
  return { ...engine, ...engine.in('default') }
}

export interface TestBed {
  readonly engine: EngineInDefault
  readonly clock: SettableClock
  readonly store: OpenedStore
}

/** A started engine in simulated time. `wrap` may put a decorator around its store. */
export async function startEngine(
  t: TestContext,
  options: Partial<EngineOptions> = {},
  wrap: (store: OpenedStore) => OpenedStore = (store) => store,
): Promise<TestBed> {
  const clock = createSimulatedClock()
  const store = wrap(createReferenceStore(clock))
  const engine = createEngineInDefault({
    store,
    clock,
    random: () => 0.5,
    ids: createUuidV7Generator(clock),
    nodeId: 'node-1',
    ...options,
  })
  await engine.start()
  t.after(() => engine.stop())
  return { engine, clock, store }
}

/** A started engine, past the grace of its start, whose process can stand still. */
export async function startStallingEngine(
  t: TestContext,
): Promise<TestBed & { standStill(ms: number): Promise<void> }> {
  const simulated = createSimulatedClock()
  let standstillEnd = 0
  const monotonic = () => Math.max(simulated.monotonic(), standstillEnd)
  const clock: SettableClock = {
    ...simulated,
    now: () => simulated.now() - simulated.monotonic() + monotonic(),
    monotonic,
    after: (delayMs, callback) => simulated.after(monotonic() - simulated.monotonic() + delayMs, callback),
  }
  const store = createReferenceStore(clock)
  const ids = createUuidV7Generator(clock)
  const engine = createEngineInDefault({ store, clock, random: () => 0.5, ids, nodeId: 'node-1' })
  await engine.start()
  t.after(() => engine.stop())
  await clock.advance(5000)
  return {
    engine,
    clock,
    store,
    async standStill(ms) {
      // What fell due meanwhile fires at the end, in its order.
      standstillEnd = monotonic() + ms
      await clock.advance(ms)
    },
  }
}

/** The store as a caller sees it while its server may be away. */
export function awayWhile(isAway: () => boolean): (store: OpenedStore) => OpenedStore {
  return (store) =>
    wrapCalls(store, (_name, call) => async (params) => {
      if (isAway()) throw new TaskyardError('store_unavailable', { reason: 'away' })
      return call(params)
    })
}

/** Server processes on one store in simulated time, with news between them. */
export interface Cluster {
  readonly clock: SettableClock
  readonly store: OpenedStore
  node(nodeId: string, options?: Partial<EngineOptions>): Promise<EngineInDefault>
  /** A process that dies without a word: its calls no longer reach the store. */
  kill(nodeId: string): void
}

export function startCluster(t: TestContext, wrap: (store: OpenedStore) => OpenedStore = (store) => store): Cluster {
  const clock = createSimulatedClock()
  const store = wrap(createReferenceStore(clock))
  const news = createLocalNews()
  const dead = new Set<string>()
  return {
    clock,
    store,
    async node(nodeId, options = {}) {
      const engine = createEngineInDefault({
        store: awayWhile(() => dead.has(nodeId))(store),
        news,
        clock,
        random: () => 0.5,
        ids: createUuidV7Generator(clock),
        nodeId,
        ...options,
      })
      await engine.start()
      t.after(() => {
        dead.add(nodeId)
        const stopped = engine.stop()
        return Promise.all([stopped, clock.advance(1000)])
      })
      return engine
    },
    kill: (nodeId) => void dead.add(nodeId),
  }
}

export const PAYLOAD: JsonText = toJsonText({ n: 1 })

export function worker(workerId: string, session = false) {
  return { workerId, nodeId: null, session }
}

export function claimOf(workerId: string, limit = 1, session = false) {
  return { worker: worker(workerId, session), queues: ['default'], limit }
}
