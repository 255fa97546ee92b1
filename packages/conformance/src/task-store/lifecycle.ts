import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { type ExtendParams, type LeaseRef, type OpenedStore, TaskyardError } from '@taskyard/core'
import { EVERY_CALL } from '../every-call.ts'
import type { Suite } from '../suite.ts'
import { leaseRef, succeeded } from '../test-bed.ts'

/** Migration, health, close, and access from another thread where the store has it. */
export function describeLifecycle({ describe, it, capabilities }: Suite): void {
  describe('health and close', () => {
    it('is healthy while it is open', async (bed) => {
      const { healthy, latencyMs, reason, sizeBytes } = await bed.store.lifecycle.health()
      assert.deepEqual({ healthy, reason }, { healthy: true, reason: null })
      assert.ok(latencyMs >= 0)
      assert.ok(sizeBytes === null || sizeBytes > 0)
    })

    it('says what its durability is', async (bed) => {
      assert.ok(bed.store.lifecycle.durability.length > 10)
    })

    it('may be migrated again, which changes nothing', async (bed) => {
      const { to } = await bed.store.lifecycle.migrate()
      const id = await bed.submit()
      assert.equal((await bed.store.lifecycle.migrate()).to, to)
      await bed.find(id)
    })

    it('may be closed twice, also at once', async (bed) => {
      await Promise.all([bed.store.lifecycle.close(), bed.store.lifecycle.close()])
      await bed.store.lifecycle.close()
    })

    it('finishes what it accepted before it closes', async (bed) => {
      const tasks = Array.from({ length: 50 }, () => bed.newTask())
      const store = bed.store
      const calls = tasks.map((task) => store.tasks.enqueue({ submissions: [{ tasks: [task] }], queueDepth: 1_000 }))
      const [replies] = await Promise.all([Promise.allSettled(calls), store.lifecycle.close()])
      await bed.reopen()
      const found = await bed.store.reads.find({ namespace: 'default', taskIds: tasks.map(({ id }) => id) })
      for (const [n, reply] of replies.entries()) {
        if (reply.status === 'fulfilled') assert.ok(found[n], 'a task that was acknowledged is there')
      }
    })

    it('says that it is not healthy when it is closed, without rejecting', async (bed) => {
      await bed.store.lifecycle.close()
      const { healthy, reason, code } = await bed.store.lifecycle.health()
      assert.deepEqual({ healthy, code }, { healthy: false, code: 'store_unavailable' })
      assert.ok((reason ?? '') !== '')
    })

    it('rejects every call after it is closed', async (bed) => {
      const { store } = bed
      await store.lifecycle.close()
      for (const [name, call] of Object.entries(EVERY_CALL)) {
        await assert.rejects(call(store, bed), TaskyardError, `${name} after close`)
      }
    })
  })

  if (!capabilities.threadAccess) return
  describe('access from another thread', () => {
    it('extends leases and tells which are lost or asked to stop', async (bed) => {
      const [held, settled, asked] = [await bed.start(), await bed.start(), await bed.start()]
      await bed.settle(settled, succeeded())
      await bed.cancel(asked.id)
      const leases = [held, settled, asked].map(leaseRef)
      assert.deepEqual(await extendFromThread(bed.store, leases), ['ok', 'lost', 'cancel'])
      assert.equal((await bed.find(held.id)).status, 'running')
    })

    it('works while the thread of the store is blocked', async (bed) => {
      const task = await bed.start()
      const statuses = await extendFromThread(bed.store, [leaseRef(task)], 'blocked')
      assert.deepEqual(statuses, ['ok'])
    })
  })
}

const THREAD = `
  const { parentPort, workerData } = require('node:worker_threads')
  import(workerData.module).then(async ({ openLeaseExtender }) => {
    const extender = await openLeaseExtender(workerData.data)
    const statuses = await extender.extend(workerData.params)
    await extender.close()
    workerData.answered && Atomics.store(workerData.answered, 0, 1) && Atomics.notify(workerData.answered, 0)
    parentPort.postMessage(statuses)
  })`

/** With `blocked`, this thread sleeps until the other one has its answer; it gives up after 20 seconds. */
async function extendFromThread(
  store: OpenedStore,
  leases: readonly LeaseRef[],
  blocked?: 'blocked',
): Promise<unknown> {
  const params: ExtendParams = { namespace: 'default', leases, leaseMs: 90_000 }
  const { module, data, transfer } = store.lifecycle.threadAccess()
  const answered = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(THREAD, {
    eval: true,
    workerData: { module, data, params, answered },
    // The port leaves open what is transferred; a Worker takes any transferable.
    transferList: [...transfer] as never,
  })
  const reply = once(worker, 'message')
  if (blocked !== undefined) Atomics.wait(answered, 0, 0, 20_000)
  const wasAnswered = Atomics.load(answered, 0) === 1
  const [statuses] = await reply
  await worker.terminate()
  if (blocked !== undefined) assert.ok(wasAnswered, 'the extender answered only after the block')
  return statuses
}
