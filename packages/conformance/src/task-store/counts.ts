import assert from 'node:assert/strict'
import { type LeasedTask, TASK_STATUSES } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { CLAIM, failed, only, released, succeeded, type TestBed, workersOf } from '../test-bed.ts'

/** Counts of queues against the list, through every transition. */
export function describeCounts({ describe, it }: Suite): void {
  describe('counts', () => {
    it('equals what the list says, through every move of a task', async (bed) => {
      await bed.submit({ delayMs: 1_000 })
      const [first, second] = [await bed.submit(), await bed.submit()]
      await agreesWithList(bed)
      const task = await bed.claimOne()
      assert.equal(task.id, first)
      await agreesWithList(bed)
      await bed.settle(task, released)
      await agreesWithList(bed)
      await bed.settle(await bed.claimOne(), failed({ retryDelayMs: 5_000 }))
      await agreesWithList(bed)
      await bed.settle(await bed.claimOne(), succeeded())
      await agreesWithList(bed)
      await bed.clock.advance(1_000)
      await agreesWithList(bed)
      await bed.sweep()
      await agreesWithList(bed)
      await bed.claimOne({ leaseMs: 1_000 })
      await bed.clock.advance(1_000)
      await bed.sweep()
      await agreesWithList(bed)
      await bed.cancel(first)
      await agreesWithList(bed)
      await bed.retry(first)
      await agreesWithList(bed)
      await bed.settle(await bed.claimOne(), failed({ retryable: false }))
      await agreesWithList(bed)
      assert.equal((await bed.find(second)).status, 'succeeded')
    })

    it('counts each queue by itself', async (bed) => {
      await bed.submit({ queue: 'a' })
      await bed.submit({ queue: 'a', type: 'other' })
      await bed.submit({ queue: 'b' })
      const all = await bed.store.reads.counts({ namespace: 'default', queue: null })
      const queued = Object.fromEntries(all.map(({ queue, counts }) => [queue, counts.queued]))
      assert.deepEqual(queued, { a: 2, b: 1 })
      assert.equal(only(await bed.store.reads.counts({ namespace: 'default', queue: 'b' })).queue, 'b')
      assert.deepEqual(await bed.store.reads.counts({ namespace: 'default', queue: 'never' }), [])
    })

    it('tells of each of many queues since when its oldest task is ready, few tasks or many', async (bed) => {
      const queues = Array.from({ length: 30 }, (_, n) => `queue-${n}`)
      const start = bed.clock.now()
      for (const moment of [0, 1]) {
        await bed.enqueue([queues.slice(moment).map((queue) => bed.newTask({ queue, priority: moment }))])
        await bed.clock.advance(1_000)
      }
      const expected = queues.map((queue) => [queue, start])
      const oldest = async () => {
        const counts = await bed.store.reads.counts({ namespace: 'default', queue: null })
        return counts.map(({ queue, oldestReadyAt }) => [queue, oldestReadyAt]).sort(byText)
      }
      assert.deepEqual(await oldest(), [...expected].sort(byText))
      await bed.enqueue([Array.from({ length: 1_000 }, () => bed.newTask({ queue: 'queue-0', priority: 9 }))])
      assert.deepEqual(await oldest(), [...expected].sort(byText))
      await bed.claim({ queues: ['queue-1'], limit: 2 })
      assert.equal((await bed.counts('queue-1')).oldestReadyAt, null)
      assert.deepEqual(
        (await oldest()).find(([queue]) => queue === 'queue-1'),
        ['queue-1', null],
      )
    })

    it('tells since when the task that has waited longest is ready', async (bed) => {
      const readyAt = bed.clock.now() + 1_000
      await bed.submit({ delayMs: 1_000 })
      assert.equal((await bed.counts()).oldestReadyAt, null)
      await bed.clock.advance(2_000)
      await bed.submit({ priority: 5 })
      assert.equal((await bed.counts()).oldestReadyAt, readyAt)
      await bed.sweep()
      assert.equal((await bed.counts()).oldestReadyAt, readyAt)
      await bed.claim()
      assert.equal((await bed.counts()).oldestReadyAt, null)
    })

    it('counts finished tasks in a total that only rises', async (bed) => {
      await bed.submit()
      assert.equal((await bed.counts()).finishedTotal, 0)
      await bed.settle(await bed.claimOne(), failed({ retryDelayMs: 0 }))
      assert.equal((await bed.counts()).finishedTotal, 0)
      const task = await bed.claimOne()
      await bed.settle(task, failed({ retryable: false }))
      assert.equal((await bed.counts()).finishedTotal, 1)
      await bed.retry(task.id)
      assert.equal((await bed.counts()).finishedTotal, 1)
      await bed.settle(await bed.claimOne(), succeeded())
      await bed.cancel(await bed.submit())
      assert.equal((await bed.counts()).finishedTotal, 3)
    })

    for (const [what, call] of Object.entries(CALLS_THAT_STORE_NOTHING)) {
      it(`stays right when tasks have become due, and what comes next is ${what}`, async (bed) => {
        await bed.enqueue([[bed.newTask({ idempotency: KEY })]])
        const ended = await bed.claimOne()
        await bed.settle(ended, succeeded())
        await bed.submit({ delayMs: 1_000 })
        await bed.clock.advance(1_000)
        await call(bed, ended)
        await agreesWithList(bed)
        await bed.settle(await bed.claimOne(), succeeded())
        await agreesWithList(bed)
      })
    }

    it('keeps the total and the queue when retention has removed all its tasks', async (bed) => {
      await bed.submit()
      await bed.settle(await bed.claimOne(), succeeded())
      await bed.clock.advance(30 * 86_400_000)
      await bed.sweep()
      const { counts, finishedTotal } = await bed.counts()
      assert.deepEqual([counts.succeeded, finishedTotal], [0, 1])
    })
  })
}

const KEY = { key: 'k', fingerprint: 'a' }

const CALLS_THAT_STORE_NOTHING: Readonly<Record<string, (bed: TestBed, ended: LeasedTask) => Promise<unknown>>> = {
  'a repeated submission': (bed) => bed.enqueue([[bed.newTask({ idempotency: KEY })]]),
  'the same submission under its ids': (bed, ended) => bed.enqueue([[bed.newTask({ id: ended.id })]]),
  'a submission with a key of another request': (bed) =>
    bed.enqueue([[bed.newTask({ idempotency: { ...KEY, fingerprint: 'b' } })]]),
  'a submission to a full queue': (bed) => bed.enqueue([[bed.newTask()]], 1),
  'a claim of nothing': (bed) => bed.claim({ types: ['unknown'] }),
  'a heartbeat for a lost lease': (bed, ended) => bed.extend(ended),
  'a record for a lost lease': (bed, ended) => bed.record(ended, { log: 'a line' }),
  'a repeated settlement': (bed, ended) => bed.settle(ended, succeeded()),
  'a cancel of what has ended': (bed, ended) => bed.cancel(ended.id),
  'a retry of what has succeeded': (bed, ended) => bed.retry(ended.id),
  'a sweep': (bed) => bed.sweep(),
  'an end of leases that nobody holds': ({ store }) =>
    store.presence.endLeases({ workers: workersOf(CLAIM.worker.workerId) }),
}

async function agreesWithList(bed: TestBed): Promise<void> {
  const { counts } = await bed.counts()
  for (const status of TASK_STATUSES) {
    assert.equal(counts[status], (await bed.listAll({ statuses: [status] })).length, `${status} tasks`)
  }
}

function byText(one: unknown, other: unknown): number {
  return String(one) < String(other) ? -1 : 1
}
