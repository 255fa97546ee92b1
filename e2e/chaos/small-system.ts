import {
  createSimulatedClock,
  SIMULATED_START,
  type SimulatedClock,
  type StoreOverrides,
  withOverrides,
} from '@taskyard/conformance'
import { type IdGenerator, type OpenedStore, toJsonText } from '@taskyard/core'
import { createUuidV7Generator } from '@taskyard/core/runtime'
import { createEngine, type Engine, type UseCases } from '@taskyard/engine'
import { openSqliteStore } from '@taskyard/store-sqlite'
import type { HistoryEvent } from './history.ts'
import { LEASE_SECONDS, startWorker } from './small-worker.ts'

/** A bug: what a store does otherwise than it should. Made anew when the system restarts. */
export type Bug = (store: OpenedStore) => StoreOverrides

const sessionGraceSeconds = 5

/**
 * A whole Taskyard on a real SQLite file, in simulated time, without processes: submissions with repeats, a batch, a
 * restart, a worker that dies, one that hangs and comes back late, one that works on, and everything read back. Its
 * history is what the chaos program would write.
 */
export async function runSmallSystem(path: string, bug: Bug): Promise<readonly HistoryEvent[]> {
  const system = await openSystem(path, bug)
  await system.submitSingles(40)
  await system.submitBatch(5)
  await system.restart()
  await system.submitSingles(10)

  const dead = system.worker('dead')
  const hung = system.worker('hung')
  const slow = system.worker('slow')
  const busy = system.worker('busy')
  await dead.claim(8)
  dead.kill()
  const late = await hung.claim(8)
  hung.stop()
  const held = await slow.claim(3)
  await system.passSeconds(4)
  await slow.heartbeat(held)
  await busy.workUntilIdle()
  await system.passSeconds(2)
  await slow.heartbeat(held)
  await busy.workUntilIdle()
  await system.passSeconds(2)
  hung.continue()
  await hung.record(late)
  await hung.settle(late)
  await slow.settle(held)
  await slow.settle(held)
  await system.passSeconds(LEASE_SECONDS + 2)
  await busy.workUntilIdle()
  return system.readBack()
}

const RUN = {
  seed: 0,
  leaseMs: LEASE_SECONDS * 1000,
  sessionGraceMs: sessionGraceSeconds * 1000,
  recoveryMs: 2000,
  nodeGraceMs: null,
  outageMs: 5000,
}

async function openSystem(path: string, bug: Bug) {
  const clock = createSimulatedClock()
  const ids = createUuidV7Generator(clock)
  const history: HistoryEvent[] = []
  const open = () => openEngine(path, bug, clock, ids)
  let [store, engine] = await open()
  let keys = 0
  let stamps = 0
  // Simulated time stands still between its steps: a trifle is added so that the events have an order.
  const now = () => clock.now() - SIMULATED_START + ++stamps * 1e-3

  history.push({ e: 'run', at: now(), ...RUN })
  history.push({ e: 'server', at: now(), server: 'server-1', state: 'up' })

  async function close(): Promise<void> {
    await engine.stop()
    await store.lifecycle.close()
  }

  async function submit(key: string): Promise<void> {
    history.push({ e: 'submit', at: now(), keys: [key] })
    const { task } = await engine.in('default').submit({ ...submission(key), idempotencyKey: key })
    history.push({ e: 'ack', at: now(), key, id: task.id })
  }

  return {
    async submitSingles(count: number) {
      for (let n = 0; n < count; n++) {
        const key = `key-${++keys}`
        await submit(key)
        if (n % 5 === 0) await submit(key)
      }
    },

    async submitBatch(size: number) {
      const batch = Array.from({ length: size }, () => `key-${++keys}`)
      history.push({ e: 'submit', at: now(), keys: batch })
      const submitted = await engine.in('default').submitMany(batch.map(submission))
      for (const [index, { id }] of submitted.entries()) {
        history.push({ e: 'ack', at: now(), key: batch[index] as string, id })
      }
    },

    async restart() {
      await close()
      ;[store, engine] = await open()
    },

    passSeconds: (seconds: number) => passSeconds(clock, store, seconds),

    worker: (id: string) => startWorker(id, { calls: engine.in('default'), history, now }),

    async readBack(): Promise<readonly HistoryEvent[]> {
      history.push(...(await finalEvents(engine.in('default'), now)))
      await close()
      return [...history, { e: 'end', at: now() }]
    },
  }
}

async function openEngine(
  path: string,
  bug: Bug,
  clock: SimulatedClock,
  ids: IdGenerator,
): Promise<[OpenedStore, Engine]> {
  const real = await openSqliteStore({ path, clock })
  await real.lifecycle.migrate()
  const buggy = withOverrides(real, bug(real))
  const engine = createEngine({ store: buggy, clock, ids, random: () => 0.5, nodeId: ids(), sessionGraceSeconds })
  await engine.start()
  return [real, engine]
}

/** In steps, so that every timer's work is done before the next. */
async function passSeconds(clock: SimulatedClock, store: OpenedStore, seconds: number): Promise<void> {
  for (let step = 0; step < seconds * 4; step++) {
    await clock.advance(250)
    await store.lifecycle.health()
  }
}

async function finalEvents(calls: UseCases, now: () => number): Promise<readonly HistoryEvent[]> {
  const events: HistoryEvent[] = []
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<UseCases['list']>> = await calls.list({ limit: 50, cursor })
    for (const task of page.items) {
      const { id, status, error, attempt, crashes } = task
      const result = task.result === null ? null : (JSON.parse(task.result) as { token: number })
      const { key } = JSON.parse(task.payload) as { key: string }
      const resultToken = result?.token ?? null
      const end = { id, key, status, code: error?.code ?? null, resultToken, attempt, crashes }
      events.push({ e: 'final', at: now(), wanted: 'succeeded', ...end })
    }
    cursor = page.nextCursor
  } while (cursor !== null)
  return events
}

function submission(key: string) {
  return { type: 'small', payload: toJsonText({ key }) }
}
