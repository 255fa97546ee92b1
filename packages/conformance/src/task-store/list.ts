import assert from 'node:assert/strict'
import { TASK_STATUSES, type Task, type TaskFilter, TaskyardError } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { EVERYTHING, failed, idsOf, only, succeeded, type TestBed } from '../test-bed.ts'

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
        await listsExactly(bed, { status }, (task) => task.status === status)
      })
    }

    it('lists a task whose time has come as queued', async (bed) => {
      const id = await bed.submit({ delayMs: 1_000 })
      assert.equal(only(await bed.listAll({ status: 'scheduled' })).id, id)
      assert.deepEqual(await bed.listAll({ status: 'queued' }), [])
      await bed.clock.advance(1_000)
      assert.deepEqual(await bed.listAll({ status: 'scheduled' }), [])
      const listed = only(await bed.listAll({ status: 'queued' }))
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
        { type: 'a', queue: 'q1', status: 'queued', tag: 'odd', createdAfter: 0, createdBefore: newest },
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
      for (const filter of [{ status: 'queued' }, { tag: 'odd' }, { type: 'a' }, { queue: 'q1' }] as const) {
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

async function listsExactly(
  bed: TestBed,
  filter: Partial<TaskFilter>,
  belongs: (task: Task) => boolean,
): Promise<void> {
  const expected = (await bed.listAll()).filter(belongs)
  assert.deepEqual(await bed.listAll(filter), expected)
}
