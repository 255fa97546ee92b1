import assert from 'node:assert/strict'
import {
  type LeasedTask,
  POISON_ATTEMPTS,
  POISON_CRASHES,
  poisonedError,
  SUSPECT_CRASHES,
  type WorkerRef,
} from '@taskyard/core'
import { failed, idsOf, only, type Scene, succeeded, workersOf } from '../scene.ts'
import type { Suite } from '../suite.ts'

const WATCHED: WorkerRef = { workerId: 'watched', nodeId: null, session: true }
const EMBEDDED: WorkerRef = { workerId: 'embedded', nodeId: 'node-1', session: false }

export function describeCrashes({ describe, it, itWithoutFaults, capabilities }: Suite): void {
  describe('crashes and quarantine', () => {
    it('quarantines a task whose workers died three times', async (scene) => {
      const id = await scene.submit()
      for (let crash = 1; crash < POISON_CRASHES; crash++) {
        await crashOnce(scene)
        const { status, crashes } = await scene.find(id)
        assert.deepEqual({ status, crashes }, { status: 'queued', crashes: crash })
      }
      const { ended } = await crashOnce(scene)
      assert.equal(ended[0]?.taskStatus, 'failed')
      const { status, error, crashes, finishedAt } = await scene.find(id)
      assert.deepEqual(
        { status, error, crashes, finishedAt },
        {
          status: 'failed',
          error: poisonedError({ loneCrashes: POISON_CRASHES, attempt: POISON_CRASHES }),
          crashes: POISON_CRASHES,
          finishedAt: scene.clock.now(),
        },
      )
      assert.deepEqual(await scene.claim(), [])
    })

    it('quarantines a task whose watched workers are known to have died three times', async (scene) => {
      const id = await scene.submit()
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        await scene.claimOne({ worker: WATCHED })
        await scene.store.presence.endLeases({ workers: workersOf('watched') })
        assert.equal((await scene.find(id)).crashes, crash)
      }
      assert.equal((await scene.find(id)).error?.code, 'poisoned')
    })

    it('keeps counting crashes over ordinary failures in between', async (scene) => {
      const id = await scene.submit()
      await crashOnce(scene)
      await scene.settle(await scene.claimOne(), failed({ retryDelayMs: 0 }))
      await crashOnce(scene)
      await scene.settle(await scene.claimOne(), failed({ retryDelayMs: 2_000 }))
      await scene.clock.advance(2_000)
      assert.equal((await scene.find(id)).crashes, 2)
      await crashOnce(scene)
      assert.equal((await scene.find(id)).status, 'failed')
    })

    it('begins to count anew after a retry', async (scene) => {
      const id = await scene.submit()
      for (let crash = 0; crash < POISON_CRASHES; crash++) await crashOnce(scene)
      await scene.retry(id)
      await crashOnce(scene)
      const { status, crashes } = await scene.find(id)
      assert.deepEqual({ status, crashes }, { status: 'queued', crashes: 1 })
    })

    it('does not count a failure as a crash', async (scene) => {
      const id = await scene.submit()
      await scene.settle(await scene.claimOne(), failed({ retryDelayMs: 0 }))
      assert.equal((await scene.find(id)).crashes, 0)
    })

    for (const worker of [WATCHED, EMBEDDED]) {
      it(`does not take a worker that stood still for dead (${worker.workerId})`, async (scene) => {
        const id = await scene.submit({ maxAttempts: 2 })
        for (let attempt = 1; attempt <= 5; attempt++) {
          assert.equal((await scene.claimOne({ worker, leaseMs: 1_000 })).attempt, attempt)
          await scene.clock.advance(1_000)
          assert.equal(only((await scene.sweep()).ended).reason, 'expired')
          const { status, crashes } = await scene.find(id)
          assert.deepEqual({ status, crashes }, { status: 'queued', crashes: 0 })
        }
      })
    }

    it('gives a task up whose leases run out again and again', async (scene) => {
      const id = await scene.submit({ maxAttempts: 2 })
      for (let attempt = 1; attempt <= POISON_ATTEMPTS; attempt++) {
        assert.equal((await scene.find(id)).status, 'queued')
        await scene.claimOne({ worker: WATCHED, leaseMs: 1_000 })
        await scene.clock.advance(1_000)
        await scene.sweep()
      }
      const { status, error } = await scene.find(id)
      assert.deepEqual(
        { status, error },
        { status: 'failed', error: poisonedError({ loneCrashes: 0, attempt: POISON_ATTEMPTS }) },
      )
    })

    it('never gives a task up for what brought its worker down beside it', async (scene) => {
      const ids = [await scene.submit(), await scene.submit(), await scene.submit()]
      for (let crash = 1; crash <= SUSPECT_CRASHES; crash++) {
        assert.equal((await scene.claim({ worker: WATCHED })).length, ids.length)
        await scene.store.presence.endLeases({ workers: workersOf('watched') })
      }
      const alone = await claimEach(scene, ids.length)
      for (const id of ids) {
        const { status, crashes } = await scene.find(id)
        assert.deepEqual({ status, crashes }, { status: 'running', crashes: SUSPECT_CRASHES })
      }
      await scene.store.presence.endLeases({ workers: workersOf(...alone.map(({ workerId }) => workerId)) })
      assert.deepEqual(await statuses(scene, ids), ['queued', 'queued', 'queued'])
    })

    it('takes none for alone whose worker left others that ended before', async (scene) => {
      const id = await scene.submit()
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        // Of a worker that nobody watches and that dies, one lease ends after the other.
        const neighbour = await scene.start({}, { leaseMs: 1_000 })
        await scene.claimOne({ leaseMs: 2_000 })
        for (const taskId of [neighbour.id, id]) {
          await scene.clock.advance(1_000)
          assert.equal(only((await scene.sweep()).ended).taskId, taskId)
        }
        await scene.cancel(neighbour.id)
      }
      const { status, crashes } = await scene.find(id)
      assert.deepEqual({ status, crashes }, { status: 'queued', crashes: POISON_CRASHES })
    })

    it('takes none for alone whose watched worker let others run out before it was known to be dead', async (scene) => {
      const id = await scene.submit()
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        const neighbour = await scene.start({}, { worker: WATCHED, leaseMs: 1_000 })
        await scene.claimOne({ worker: WATCHED })
        await scene.clock.advance(1_000)
        assert.equal(only((await scene.sweep()).ended).taskId, neighbour.id)
        await scene.store.presence.endLeases({ workers: workersOf('watched') })
        await scene.cancel(neighbour.id)
      }
      assert.equal((await scene.find(id)).status, 'queued')
    })

    itWithoutFaults('takes none for alone of a worker whose leases end over several sweeps', async (scene) => {
      for (let task = 0; task < 3; task++) await scene.submit()
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        const held = await claimOneByOne(scene, 3)
        await scene.clock.advance(1_000)
        for (const _ of held) only((await scene.sweep({ limit: 1 })).ended)
        assert.deepEqual(await statuses(scene, idsOf(held)), ['queued', 'queued', 'queued'])
      }
    })

    it('does not count the company of one lease for the next', async (scene) => {
      const id = await scene.submit()
      const neighbour = await scene.start({}, { leaseMs: 1_000 })
      await scene.claimOne({ leaseMs: 2_000 })
      await scene.clock.advance(2_000)
      await scene.sweep()
      await scene.cancel(neighbour.id)
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        assert.equal((await scene.find(id)).status, 'queued')
        await crashOnce(scene)
      }
      assert.equal((await scene.find(id)).status, 'failed')
    })

    it('counts no company for a lease that begins after others have ended', async (scene) => {
      const id = await scene.submit()
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        const ending = await scene.start({}, { leaseMs: 1_000 })
        const going = await scene.start()
        await scene.clock.advance(1_000)
        assert.equal(only((await scene.sweep()).ended).taskId, ending.id)
        if (!capabilities.ordersWithinMillisecond) await scene.clock.advance(1)
        await scene.claimOne({ leaseMs: 1_000 })
        await scene.settle(going, succeeded())
        await scene.cancel(ending.id)
        await scene.clock.advance(1_000)
        await scene.sweep()
      }
      assert.equal((await scene.find(id)).status, 'failed')
    })

    itWithoutFaults('takes none for alone of the many leases of a dead worker', async (scene) => {
      const id = await scene.submit()
      for (let crash = 1; crash < POISON_CRASHES; crash++) await crashOnce(scene)
      await scene.claimOne({ worker: WATCHED, leaseMs: 60_000 })
      await scene.enqueue([Array.from({ length: 1_000 }, () => scene.newTask({ queue: 'many' }))])
      await scene.claim({ queues: ['many'], worker: WATCHED, limit: 1_000 })
      assert.equal((await scene.store.presence.endLeases({ workers: workersOf('watched') })).length, 1_001)
      const { status, crashes } = await scene.find(id)
      assert.deepEqual({ status, crashes }, { status: 'queued', crashes: POISON_CRASHES })
    })

    it('counts only leases of the same worker as beside each other', async (scene) => {
      const ids = [await scene.submit(), await scene.submit()]
      for (let crash = 1; crash <= POISON_CRASHES; crash++) {
        const workers = await claimEach(scene, ids.length)
        await scene.store.presence.endLeases({ workers: workersOf(...workers.map(({ workerId }) => workerId)) })
      }
      assert.deepEqual(await statuses(scene, ids), ['failed', 'failed'])
    })

    it('hands a suspect out alone, and what is before it without it', async (scene) => {
      const suspect = await scene.submit()
      for (let crash = 0; crash < SUSPECT_CRASHES; crash++) await crashOnce(scene)
      const before = await scene.submit({ priority: 1 })
      const behind = await scene.submit({ priority: -1 })
      assert.deepEqual(idsOf(await scene.claim({ limit: 10 })), [before])
      const held = only(await scene.claim({ limit: 10 }))
      assert.equal(held.id, suspect)
      assert.deepEqual(idsOf(await scene.claim({ limit: 10 })), [behind])
      await scene.settle(held, succeeded())
      assert.equal((await scene.find(suspect)).status, 'succeeded')
    })

    it('hands suspects out one at a time', async (scene) => {
      const ids = [await scene.submit(), await scene.submit()]
      for (let crash = 0; crash < SUSPECT_CRASHES; crash++) {
        await scene.claim({ worker: WATCHED })
        await scene.store.presence.endLeases({ workers: workersOf('watched') })
      }
      const given = [await scene.claim(), await scene.claim(), await scene.claim()]
      assert.deepEqual(
        given.map((tasks) => tasks.length),
        [1, 1, 0],
      )
      assert.deepEqual(new Set(idsOf(given.flat())), new Set(ids))
    })
  })
}

async function crashOnce(scene: Scene) {
  await scene.claimOne({ leaseMs: 1_000 })
  await scene.clock.advance(1_000)
  return scene.sweep()
}

/** Leases of one worker that nobody watches, claimed one by one, because suspects are. */
async function claimOneByOne(scene: Scene, count: number): Promise<readonly LeasedTask[]> {
  const held: LeasedTask[] = []
  while (held.length < count) held.push(await scene.claimOne({ leaseMs: 1_000 }))
  return held
}

/** Tasks to workers, one each. */
async function claimEach(scene: Scene, count: number): Promise<readonly WorkerRef[]> {
  const workers = Array.from({ length: count }, (_, n) => ({ ...WATCHED, workerId: `alone-${n}` }))
  for (const worker of workers) await scene.claimOne({ worker })
  return workers
}

function statuses(scene: Scene, ids: readonly string[]): Promise<readonly string[]> {
  return Promise.all(ids.map(async (id) => (await scene.find(id)).status))
}
