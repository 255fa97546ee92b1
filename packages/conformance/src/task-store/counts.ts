import assert from 'node:assert/strict'
import { type LeasedTask, TASK_STATUSES } from '@taskyard/core'
import { CLAIM, failed, only, released, type Scene, succeeded, workersOf } from '../scene.ts'
import type { Suite } from '../suite.ts'

export function describeCounts({ describe, it }: Suite): void {
  describe('counts', () => {
    it('equals what the list says, through every move of a task', async (scene) => {
      await scene.submit({ delayMs: 1_000 })
      const [first, second] = [await scene.submit(), await scene.submit()]
      await agreesWithList(scene)
      const task = await scene.claimOne()
      assert.equal(task.id, first)
      await agreesWithList(scene)
      await scene.settle(task, released)
      await agreesWithList(scene)
      await scene.settle(await scene.claimOne(), failed({ retryDelayMs: 5_000 }))
      await agreesWithList(scene)
      await scene.settle(await scene.claimOne(), succeeded())
      await agreesWithList(scene)
      await scene.clock.advance(1_000)
      await agreesWithList(scene)
      await scene.sweep()
      await agreesWithList(scene)
      await scene.claimOne({ leaseMs: 1_000 })
      await scene.clock.advance(1_000)
      await scene.sweep()
      await agreesWithList(scene)
      await scene.cancel(first)
      await agreesWithList(scene)
      await scene.retry(first)
      await agreesWithList(scene)
      await scene.settle(await scene.claimOne(), failed({ retryable: false }))
      await agreesWithList(scene)
      assert.equal((await scene.find(second)).status, 'succeeded')
    })

    it('counts each queue by itself', async (scene) => {
      await scene.submit({ queue: 'a' })
      await scene.submit({ queue: 'a', type: 'other' })
      await scene.submit({ queue: 'b' })
      const all = await scene.store.reads.counts({ namespace: 'default', queue: null })
      const queued = Object.fromEntries(all.map(({ queue, counts }) => [queue, counts.queued]))
      assert.deepEqual(queued, { a: 2, b: 1 })
      assert.equal(only(await scene.store.reads.counts({ namespace: 'default', queue: 'b' })).queue, 'b')
      assert.deepEqual(await scene.store.reads.counts({ namespace: 'default', queue: 'never' }), [])
    })

    it('tells of each of many queues since when its oldest task is ready, few tasks or many', async (scene) => {
      const queues = Array.from({ length: 30 }, (_, n) => `queue-${n}`)
      const start = scene.clock.now()
      for (const moment of [0, 1]) {
        await scene.enqueue([queues.slice(moment).map((queue) => scene.newTask({ queue, priority: moment }))])
        await scene.clock.advance(1_000)
      }
      const expected = queues.map((queue) => [queue, start])
      const oldest = async () => {
        const counts = await scene.store.reads.counts({ namespace: 'default', queue: null })
        return counts.map(({ queue, oldestReadyAt }) => [queue, oldestReadyAt]).sort(byText)
      }
      assert.deepEqual(await oldest(), [...expected].sort(byText))
      await scene.enqueue([Array.from({ length: 1_000 }, () => scene.newTask({ queue: 'queue-0', priority: 9 }))])
      assert.deepEqual(await oldest(), [...expected].sort(byText))
      await scene.claim({ queues: ['queue-1'], limit: 2 })
      assert.equal((await scene.counts('queue-1')).oldestReadyAt, null)
      assert.deepEqual(
        (await oldest()).find(([queue]) => queue === 'queue-1'),
        ['queue-1', null],
      )
    })

    it('tells since when the task that has waited longest is ready', async (scene) => {
      const readyAt = scene.clock.now() + 1_000
      await scene.submit({ delayMs: 1_000 })
      assert.equal((await scene.counts()).oldestReadyAt, null)
      await scene.clock.advance(2_000)
      await scene.submit({ priority: 5 })
      assert.equal((await scene.counts()).oldestReadyAt, readyAt)
      await scene.sweep()
      assert.equal((await scene.counts()).oldestReadyAt, readyAt)
      await scene.claim()
      assert.equal((await scene.counts()).oldestReadyAt, null)
    })

    it('counts finished tasks in a total that only rises', async (scene) => {
      await scene.submit()
      assert.equal((await scene.counts()).finishedTotal, 0)
      await scene.settle(await scene.claimOne(), failed({ retryDelayMs: 0 }))
      assert.equal((await scene.counts()).finishedTotal, 0)
      const task = await scene.claimOne()
      await scene.settle(task, failed({ retryable: false }))
      assert.equal((await scene.counts()).finishedTotal, 1)
      await scene.retry(task.id)
      assert.equal((await scene.counts()).finishedTotal, 1)
      await scene.settle(await scene.claimOne(), succeeded())
      await scene.cancel(await scene.submit())
      assert.equal((await scene.counts()).finishedTotal, 3)
    })

    for (const [what, call] of Object.entries(CALLS_THAT_STORE_NOTHING)) {
      it(`stays right when tasks have become due, and what comes next is ${what}`, async (scene) => {
        await scene.enqueue([[scene.newTask({ idempotency: KEY })]])
        const ended = await scene.claimOne()
        await scene.settle(ended, succeeded())
        await scene.submit({ delayMs: 1_000 })
        await scene.clock.advance(1_000)
        await call(scene, ended)
        await agreesWithList(scene)
        await scene.settle(await scene.claimOne(), succeeded())
        await agreesWithList(scene)
      })
    }

    it('keeps the total and the queue when retention has removed all its tasks', async (scene) => {
      await scene.submit()
      await scene.settle(await scene.claimOne(), succeeded())
      await scene.clock.advance(30 * 86_400_000)
      await scene.sweep()
      const { counts, finishedTotal } = await scene.counts()
      assert.deepEqual([counts.succeeded, finishedTotal], [0, 1])
    })
  })
}

const KEY = { key: 'k', fingerprint: 'a' }

const CALLS_THAT_STORE_NOTHING: Readonly<Record<string, (scene: Scene, ended: LeasedTask) => Promise<unknown>>> = {
  'a repeated submission': (scene) => scene.enqueue([[scene.newTask({ idempotency: KEY })]]),
  'the same submission under its ids': (scene, ended) => scene.enqueue([[scene.newTask({ id: ended.id })]]),
  'a submission with a key of another request': (scene) =>
    scene.enqueue([[scene.newTask({ idempotency: { ...KEY, fingerprint: 'b' } })]]),
  'a submission to a full queue': (scene) => scene.enqueue([[scene.newTask()]], 1),
  'a claim of nothing': (scene) => scene.claim({ types: ['unknown'] }),
  'a heartbeat for a lost lease': (scene, ended) => scene.extend(ended),
  'a record for a lost lease': (scene, ended) => scene.record(ended, { log: 'a line' }),
  'a repeated settlement': (scene, ended) => scene.settle(ended, succeeded()),
  'a cancel of what has ended': (scene, ended) => scene.cancel(ended.id),
  'a retry of what has succeeded': (scene, ended) => scene.retry(ended.id),
  'a sweep': (scene) => scene.sweep(),
  'an end of leases that nobody holds': ({ store }) =>
    store.presence.endLeases({ workers: workersOf(CLAIM.worker.workerId) }),
}

async function agreesWithList(scene: Scene): Promise<void> {
  const { counts } = await scene.counts()
  for (const status of TASK_STATUSES) {
    assert.equal(counts[status], (await scene.listAll({ status })).length, `${status} tasks`)
  }
}

function byText(one: unknown, other: unknown): number {
  return String(one) < String(other) ? -1 : 1
}
