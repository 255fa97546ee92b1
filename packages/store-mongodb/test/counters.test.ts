import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createSimulatedClock } from '@taskyard/conformance'
import type { AnyBulkWriteOperation, Collection } from 'mongodb'
import { addCounts, createCounters, type QueueCounts } from '../src/counters.ts'
import type { QueueDocument } from '../src/documents.ts'
import { closeClients, databaseOf, freshUrl } from './test-bed.ts'

after(closeClients)

interface HeldWrite {
  /** Has the server do it, and answers. */
  carryOut(): Promise<void>
  /** It fails, and the server has not done it. */
  lose(): void
}

/** Counts of one queue, whose writes wait for the test until it holds none any more. */
async function heldCounters(t: TestContext) {
  const queues = databaseOf(await freshUrl(t)).collection<QueueDocument>('queues')
  await queues.insertOne({ _id: 'default/default' } as QueueDocument)
  const writes: HeldWrite[] = []
  let isHolding = true
  async function bulkWrite(operations: AnyBulkWriteOperation<QueueDocument>[]): Promise<void> {
    const carryOut = () => queues.bulkWrite(operations)
    if (!isHolding) return void (await carryOut())
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    writes.push({
      carryOut: () => carryOut().then(() => resolve()),
      lose: () => reject(new Error('connection lost')),
    })
    return promise
  }
  const clock = createSimulatedClock()
  const counters = createCounters({ bulkWrite } as unknown as Collection<QueueDocument>, 'word', clock)
  return {
    clock,
    counters,
    writes,
    holdNoMore() {
      isHolding = false
    },
    count(queued: number): Promise<void> {
      const counts: QueueCounts = new Map()
      addCounts(counts, 'default/default', { queued })
      return counters.add(counts, clock.now())
    },
    async queued() {
      return (await queues.findOne({ _id: 'default/default' }))?.counts?.queued
    },
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await setImmediate()
}

test('a write of counts that is answered after it was given up takes nothing from those that came after it', async (t) => {
  const { clock, counters, writes, holdNoMore, count, queued } = await heldCounters(t)
  const counted = [count(1), count(10)]
  await clock.advance(3_000)
  await settled()
  const [first, again] = writes
  await again?.carryOut()
  await settled()
  counted.push(count(100))
  await first?.carryOut()
  await settled()
  holdNoMore()
  writes[2]?.lose()
  await Promise.all(counted)
  await counters.flush()
  assert.equal(await queued(), 111)
})
