import assert from 'node:assert/strict'
import { after, mock, type TestContext, test } from 'node:test'
import type { LeasedTask, OpenedStore } from '@taskyard/core'
import { type AnyBulkWriteOperation, type BulkWriteResult, Collection } from 'mongodb'
import {
  aroundNextWrite,
  CLAIM,
  closeClients,
  databaseOf,
  freshUrl,
  newTask,
  openStore,
  submissions,
} from './test-bed.ts'

// Two processes serve the same claim, and neither has found anything given when it marks.

after(closeClients)

const NOW = Date.UTC(2026, 0, 1)
const NAMED = { ...CLAIM, limit: 2, requestId: 'request-1' }

/** The first process's calls are `aheadMs` later than those of the other one. */
async function twoProcesses(t: TestContext, aheadMs = 0) {
  const url = await freshUrl(t)
  const one = await openStore(t, { url, storeTime: () => NOW + aheadMs })
  const other = await openStore(t, { url, storeTime: () => NOW })
  await one.tasks.enqueue(submissions(...Array.from({ length: 6 }, () => newTask())))
  return { one, other, url }
}

async function running(store: OpenedStore): Promise<number | undefined> {
  const [counts] = await store.reads.counts({ namespace: 'default', queue: 'default' })
  return counts?.counts.running
}

function idsOf(tasks: readonly LeasedTask[] | undefined): readonly string[] {
  return (tasks ?? []).map(({ id }) => id).sort()
}

for (const [which, aheadMs] of [
  ['later', 5],
  ['earlier', -5],
] as const) {
  test(`a call that began ${which} gives what the other one had answered before it marked`, async (t) => {
    const { one, other } = await twoProcesses(t, aheadMs)
    const answered: LeasedTask[] = []
    aroundNextWrite(async () => answered.push(...(await other.tasks.claim(NAMED))), null)
    const given = await one.tasks.claim(NAMED)
    assert.equal(given.length, NAMED.limit)
    assert.deepEqual(idsOf(given), idsOf(answered))
    assert.ok(given.every(({ lease }) => lease.again))
    assert.equal(await running(one), NAMED.limit)
  })
}

test('of two calls that see each other one stays, and nothing else is held', async (t) => {
  const { one, other } = await twoProcesses(t)
  const [otherIsAtItsMark, oneHasMarked] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const otherHasMarked = Promise.withResolvers<void>()
  let second: Promise<LeasedTask[]> | undefined
  aroundNextWrite(
    async () => {
      aroundNextWrite(
        () => {
          otherIsAtItsMark.resolve()
          return oneHasMarked.promise
        },
        async () => otherHasMarked.resolve(),
      )
      second = other.tasks.claim(NAMED) as Promise<LeasedTask[]>
      await otherIsAtItsMark.promise
    },
    () => {
      oneHasMarked.resolve()
      return otherHasMarked.promise
    },
  )
  const answers = [await one.tasks.claim(NAMED), await second]
  const given = new Set(answers.flatMap(idsOf))
  assert.ok(given.size <= NAMED.limit, `${given.size} tasks are given`)
  assert.equal(await running(one), given.size)
})

test('what a call marked that died before it looked goes back without an attempt used', async (t) => {
  const { one, other, url } = await twoProcesses(t)
  const answered = await one.tasks.claim(NAMED)
  const lost = await other.tasks.claim({ ...NAMED, requestId: 'request-2' })
  const tasks = databaseOf(url).collection<{ _id: string; claimed: string; startedAt: number }>('tasks')
  const named = await tasks.findOne({ _id: answered[0]?.id ?? '' })
  const update = { $set: { claimed: named?.claimed ?? '', startedAt: NOW + 1 } }
  await tasks.updateMany({ _id: { $in: [...idsOf(lost)] } }, update)

  assert.deepEqual(idsOf(await other.tasks.claim(NAMED)), idsOf(answered))
  const found = await one.reads.find({ namespace: 'default', taskIds: idsOf(lost) })
  assert.deepEqual(
    found.map((task) => [task?.status, task?.attempt]),
    [
      ['queued', 0],
      ['queued', 0],
    ],
  )
  assert.equal(await running(one), NAMED.limit)
})

/** The next write is done in two parts, with something between them. */
function betweenPartsOfNextWrite(between: () => Promise<unknown>): void {
  const { bulkWrite } = Collection.prototype
  const write = mock.method(
    Collection.prototype,
    'bulkWrite',
    async function (
      this: Collection,
      operations: AnyBulkWriteOperation[],
    ): Promise<Pick<BulkWriteResult, 'matchedCount'>> {
      write.mock.restore()
      const first = await bulkWrite.call(this, operations.slice(0, 1))
      await between()
      const rest = await bulkWrite.call(this, operations.slice(1))
      return { matchedCount: first.matchedCount + rest.matchedCount }
    },
  )
}

test('what was given while another call marked is all that one keeps', async (t) => {
  const { one, other } = await twoProcesses(t)
  const queue = 'of-two'
  await one.tasks.enqueue(submissions(newTask({ queue, timeoutSeconds: 60 }), newTask({ queue, timeoutSeconds: 120 })))
  const claim = { ...NAMED, queues: [queue] }
  let given: readonly LeasedTask[] = []
  betweenPartsOfNextWrite(async () => {
    given = await other.tasks.claim(claim)
  })
  const kept = await one.tasks.claim(claim)
  assert.equal(given.length, 1)
  assert.deepEqual(idsOf(kept), idsOf(given))
  const [counts] = await one.reads.counts({ namespace: 'default', queue })
  assert.equal(counts?.counts.running, 1)
})
