import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type LeaseRef, type OpenedStore, POISON_CRASHES, TaskyardError } from '@taskyard/core'
import type { UseCases } from '../src/index.ts'
import { claimOf, PAYLOAD, startEngine } from './test-bed.ts'

const TASK = { type: 'test', payload: PAYLOAD }
const deaf = () => {}

/** How a worker is heard of a lease that it lost while it stood still. */
const WORDS: Readonly<Record<string, (engine: UseCases, lease: LeaseRef) => Promise<unknown>>> = {
  heartbeat: (engine, lease) => engine.heartbeat([lease]),
  outcome: (engine, lease) => engine.settle([{ ...lease, outcome: 'succeeded' }]),
  'log line': (engine, lease) => engine.record([{ ...lease, log: 'I live' }]),
}

for (const [word, say] of Object.entries(WORDS)) {
  test(`a task whose worker stands still until it is taken for dead, and comes back with its ${word}, is not given up`, async (t) => {
    const { engine, id, loseLease } = await startTask(t)
    for (let crash = 1; crash <= POISON_CRASHES + 1; crash++) {
      await say(engine, await loseLease())
      const { status, crashes } = await engine.get(id)
      assert.deepEqual({ status, crashes }, { status: 'queued', crashes: crash })
    }
  })
}

test('a worker that is heard of another of its leases has lost the one that it is silent of', async (t) => {
  const { engine, id, loseLease } = await startTask(t)
  for (let crash = 1; crash <= POISON_CRASHES; crash++) {
    const { taskId, token } = await loseLease()
    await engine.heartbeat([{ taskId, token: token + 100 }])
  }
  assert.equal((await engine.get(id)).error?.code, 'poisoned')
})

test('a word of a worker is answered though the store cannot take its crash back', async (t) => {
  const failing = (store: OpenedStore): OpenedStore => ({
    ...store,
    presence: {
      ...store.presence,
      async takeBackCrashes() {
        throw new TaskyardError('store_unavailable', { reason: 'away' })
      },
    },
  })
  const { engine, loseLease } = await startTask(t, failing)
  assert.deepEqual(await engine.heartbeat([await loseLease()]), ['lost'])
})

async function startTask(t: TestContext, wrap?: (store: OpenedStore) => OpenedStore) {
  const { engine, clock } = await startEngine(t, {}, wrap)
  await clock.advance(10_000)
  const { task } = await engine.submit(TASK)
  return {
    engine,
    id: task.id,
    /** A worker's session breaks while it runs the task alone, and its grace passes. */
    async loseLease(): Promise<LeaseRef> {
      const session = engine.openSession({ workerId: 'worker-1', onCancel: deaf })
      const [leased] = await engine.claim({ ...claimOf('worker-1', 1, true), leaseSeconds: 3600 })
      session.close()
      await clock.advance(8000)
      return { taskId: task.id, token: leased?.lease.token ?? 0 }
    },
  }
}
