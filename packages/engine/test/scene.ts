import type { TestContext } from 'node:test'
import { createReferenceStore, createSimulatedClock, type SimulatedClock } from '@taskyard/conformance'
import { type JsonText, type TaskStore, toJsonText } from '@taskyard/core'
import { createUuidV7Generator } from '@taskyard/core/runtime'
import { createEngine, type Engine, type EngineOptions } from '../src/index.ts'

export interface Scene {
  readonly engine: Engine
  readonly clock: SimulatedClock
  readonly store: TaskStore
}

/** A started engine in simulated time. `wrap` may put a decorator around its store. */
export async function startEngine(
  t: TestContext,
  options: Partial<EngineOptions> = {},
  wrap: (store: TaskStore) => TaskStore = (store) => store,
): Promise<Scene> {
  const clock = createSimulatedClock()
  const store = wrap(createReferenceStore(clock))
  const engine = createEngine({
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

export const PAYLOAD: JsonText = toJsonText({ n: 1 })

export function worker(workerId: string, session = false) {
  return { workerId, nodeId: null, session }
}

export function claimOf(workerId: string, limit = 1, session = false) {
  return { worker: worker(workerId, session), queues: ['default'], limit }
}
