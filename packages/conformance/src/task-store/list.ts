import assert from 'node:assert/strict'
import {
  type JsonText,
  type ListParams,
  TASK_STATUSES,
  type Task,
  type TaskFilter,
  type TaskStatus,
  TaskyardError,
} from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { EVERYTHING, failed, idsOf, type Outcome, only, succeeded, type TestBed } from '../test-bed.ts'

/** Pages of tasks: order, filters and cursors. */
export function describeList({ describe, it }: Suite): void {
  describe('list', () => {
    it('goes newest first', async (bed) => {
      const ids: string[] = []
      for (let task = 0; task < 5; task++) {
        ids.unshift(await bed.submit({ type: `type-${task % 2}`, queue: `queue-${task % 3}` }))
        if (task !== 2) await bed.clock.advance(1)
      }
      assert.deepEqual(idsOf(await bed.listAll()), ids)
    })

    it('shows the same tasks that find does', async (bed) => {
      await populate(bed)
      const listed = await bed.listAll()
      assert.deepEqual(listed, await bed.store.reads.find({ namespace: 'default', taskIds: idsOf(listed) }))
    })

    for (const status of TASK_STATUSES) {
      it(`filters by status: ${status}`, async (bed) => {
        await populate(bed)
        await listsExactly(bed, { statuses: [status] }, (task) => task.status === status)
      })
    }

    it('filters by several statuses at once, also where one is named twice or none', async (bed) => {
      await populate(bed)
      const all = await bed.listAll()
      for (const statuses of SETS_OF_STATUSES) {
        const having = all.filter(({ status }) => statuses.includes(status))
        assert.deepEqual(await bed.listAll({ statuses }), having, statuses.join())
        assert.deepEqual(await bed.listAll({ statuses, limit: 3 }), having, `${statuses.join()} by threes`)
        const odd = having.filter(({ tags }) => tags.includes('odd'))
        assert.deepEqual(await bed.listAll({ statuses, tag: 'odd' }), odd, `${statuses.join()} of a tag`)
        const inQueue = having.filter(({ type, queue }) => type === 'a' && queue === 'q1')
        assert.deepEqual(
          await bed.listAll({ statuses, type: 'a', queue: 'q1' }),
          inQueue,
          `${statuses.join()} of a lane`,
        )
      }
    })

    it('filters by the code of the last error: of an end, and of an attempt that is to be followed by another', async (bed) => {
      const tasks = await fail(bed)
      const codes = (code: string) => (task: Task) => task.error?.code === code
      await listsExactly(bed, { errorCode: 'timeout' }, codes('timeout'))
      await listsExactly(bed, { errorCode: 'timeout', limit: 1 }, codes('timeout'))
      assert.deepEqual(idsOf(await bed.listAll({ errorCode: 'timeout' })), [tasks.waiting, tasks.ended, tasks.first])
      assert.deepEqual(idsOf(await bed.listAll({ errorCode: 'timeout', statuses: ['failed'] })), [
        tasks.ended,
        tasks.first,
      ])
      assert.deepEqual(idsOf(await bed.listAll({ errorCode: 'timeout', statuses: ['scheduled', 'running'] })), [
        tasks.waiting,
      ])
      assert.deepEqual(await bed.listAll({ errorCode: 'timeout', statuses: ['running', 'succeeded'] }), [])
      assert.deepEqual(idsOf(await bed.listAll({ errorCode: 'timeout', tag: 'tagged' })), [tasks.ended])
      assert.deepEqual(idsOf(await bed.listAll({ errorCode: 'timeout', type: 'b' })), [tasks.waiting])
      for (const errorCode of ['time', 'timeouts', 'TIMEOUT', '%', 'The attempt', 'message']) {
        assert.deepEqual(await bed.listAll({ errorCode }), [], errorCode)
      }
    })

    it('takes an error for the last one until the next attempt, or a retry by hand', async (bed) => {
      const { waiting, ended } = await fail(bed)
      await bed.clock.advance(60_000)
      const errorCode = 'timeout'
      assert.deepEqual(idsOf(await bed.listAll({ errorCode, statuses: ['queued'] })), [waiting])
      const again = await bed.claimOne({ types: ['b'] })
      assert.deepEqual(idsOf(await bed.listAll({ errorCode, type: 'b' })), [])
      await bed.settle(again, failed({ error: { code: 'other', message: 'It broke otherwise' }, retryDelayMs: 60_000 }))
      assert.deepEqual(await bed.listAll({ errorCode, type: 'b' }), [])
      assert.deepEqual(idsOf(await bed.listAll({ errorCode: 'other' })), [waiting])
      await bed.retry(ended)
      assert.deepEqual(await bed.listAll({ errorCode, tag: 'tagged' }), [])
    })

    it('lists a task whose time has come as queued', async (bed) => {
      const id = await bed.submit({ delayMs: 1_000 })
      assert.equal(only(await bed.listAll({ statuses: ['scheduled'] })).id, id)
      assert.deepEqual(await bed.listAll({ statuses: ['queued'] }), [])
      await bed.clock.advance(1_000)
      assert.deepEqual(await bed.listAll({ statuses: ['scheduled'] }), [])
      const listed = only(await bed.listAll({ statuses: ['queued'] }))
      assert.deepEqual([listed.id, listed.status], [id, 'queued'])
    })

    it('filters by type', async (bed) => {
      await populate(bed)
      await listsExactly(bed, { type: 'b' }, ({ type }) => type === 'b')
      assert.deepEqual(await bed.listAll({ type: 'unknown' }), [])
    })

    it('filters by queue', async (bed) => {
      await populate(bed)
      await listsExactly(bed, { queue: 'q2' }, ({ queue }) => queue === 'q2')
      assert.deepEqual(await bed.listAll({ queue: 'unknown' }), [])
    })

    it('filters by tag, taken as it is', async (bed) => {
      await populate(bed)
      await listsExactly(bed, { tag: 'odd' }, ({ tags }) => tags.includes('odd'))
      await listsExactly(bed, { tag: '100% "ä"_' }, ({ tags }) => tags.includes('100% "ä"_'))
      assert.deepEqual(await bed.listAll({ tag: 'od' }), [])
    })

    it('filters by time of creation, from inclusive, until exclusive', async (bed) => {
      await populate(bed)
      const from = (await bed.listAll()).at(-4)?.createdAt ?? 0
      await listsExactly(bed, { createdAfter: from }, ({ createdAt }) => createdAt >= from)
      await listsExactly(bed, { createdBefore: from }, ({ createdAt }) => createdAt < from)
      await listsExactly(bed, { createdAfter: from, createdBefore: from + 1 }, ({ createdAt }) => createdAt === from)
    })

    it('combines all filters', async (bed) => {
      await populate(bed)
      const newest = (await bed.listAll())[0]?.createdAt ?? 0
      await listsExactly(
        bed,
        { type: 'a', queue: 'q1', statuses: ['queued'], tag: 'odd', createdAfter: 0, createdBefore: newest },
        (task) =>
          task.type === 'a' &&
          task.queue === 'q1' &&
          task.status === 'queued' &&
          task.tags.includes('odd') &&
          task.createdAt < newest,
      )
    })

    it('pages through without gaps or doubles while tasks arrive', async (bed) => {
      const before = idsOf(await populate(bed))
      const seen: string[] = []
      let cursor: string | null = null
      do {
        const page = await bed.store.reads.list({ ...EVERYTHING, limit: 3, cursor })
        assert.ok(page.items.length <= 3)
        seen.push(...idsOf(page.items))
        await bed.submit()
        cursor = page.nextCursor
      } while (cursor !== null)
      assert.deepEqual(seen, before)
    })

    it('pages through a filtered list', async (bed) => {
      await populate(bed)
      for (const filter of FILTERS) {
        assert.deepEqual(await bed.listAll({ ...filter, limit: 1 }), await bed.listAll(filter))
      }
    })

    it('lists an empty store as one empty page', async (bed) => {
      assert.deepEqual(await bed.store.reads.list({ ...EVERYTHING, limit: 10, cursor: null }), {
        items: [],
        nextCursor: null,
      })
    })

    it('refuses a cursor that is none of its own', async (bed) => {
      await bed.submit()
      for (const cursor of ['', 'nonsense', '…', '{"a":1}', 'AAAA', '-1', '99999999999999999999999']) {
        await assert.rejects(
          bed.store.reads.list({ ...EVERYTHING, limit: 10, cursor }),
          (error) => error instanceof TaskyardError && error.code === 'invalid_request',
          `the cursor ${JSON.stringify(cursor)}`,
        )
      }
    })
  })
}

/** Tasks of every status that this version knows, in several queues and types; newest first. */
async function populate(bed: TestBed): Promise<readonly Task[]> {
  const ids: string[] = []
  for (let task = 0; task < 16; task++) {
    const tags = task % 2 === 1 ? ['odd', `n${task}`] : task === 8 ? ['100% "ä"_'] : []
    const delayMs = task % 8 === 7 ? 3_600_000 : 0
    ids.push(await bed.submit({ type: task % 3 === 0 ? 'b' : 'a', queue: task % 4 === 0 ? 'q2' : 'q1', tags, delayMs }))
    if (task % 4 !== 3) await bed.clock.advance(1)
  }
  const [done, broken, running] = await bed.claim({ queues: ['q1', 'q2'], limit: 3 })
  if (done === undefined || broken === undefined || running === undefined) throw new Error('three tasks are ready')
  await bed.settle(done, succeeded())
  await bed.settle(broken, failed({ retryable: false }))
  await bed.cancel(ids[5] as string)
  return bed.listAll()
}

const FILTERS: readonly Partial<TaskFilter>[] = [
  { statuses: ['queued'] },
  { statuses: ['queued', 'failed', 'cancelled'] },
  { tag: 'odd' },
  { type: 'a' },
  { queue: 'q1' },
]

const SETS_OF_STATUSES: readonly (readonly TaskStatus[])[] = [
  ['failed', 'cancelled'],
  ['cancelled', 'failed', 'cancelled'],
  ['queued', 'running'],
  ['succeeded', 'failed'],
  ['queued', 'succeeded'],
  ['blocked', 'failed'],
  [],
  TASK_STATUSES,
]

/** Three tasks that timed out, of which one waits for its next attempt, among others that failed otherwise or not yet. */
async function fail(bed: TestBed): Promise<{ first: string; ended: string; waiting: string }> {
  const error = { code: 'timeout', message: 'The attempt took too long' }
  const end = async (type: string, tags: readonly string[], outcome: Outcome) => {
    const task = await bed.submit({ type, tags })
    await bed.settle(await bed.claimOne({ types: [type] }), outcome)
    await bed.clock.advance(1)
    return task
  }
  const first = await end('a', [], failed({ error, retryable: false }))
  await end('a', ['tagged'], failed({ error: { code: 'broken', message: 'timeout' }, retryable: false }))
  const ended = await end('a', ['tagged'], failed({ error, retryable: false }))
  await end('a', ['tagged'], succeeded('{"code":"timeout"}' as JsonText))
  const waiting = await end('b', [], failed({ error, retryDelayMs: 60_000 }))
  await bed.submit({ type: 'a', payload: '{"code":"timeout","message":""}' as JsonText })
  return { first, ended, waiting }
}

async function listsExactly(
  bed: TestBed,
  filter: Partial<ListParams>,
  belongs: (task: Task) => boolean,
): Promise<void> {
  const expected = (await bed.listAll()).filter(belongs)
  assert.deepEqual(await bed.listAll(filter), expected)
}
