import assert from 'node:assert/strict'
import { TASK_STATUSES, type Task, type TaskFilter, TaskyardError } from '@taskyard/core'
import { EVERYTHING, failed, idsOf, only, type Scene, succeeded } from '../scene.ts'
import type { Suite } from '../suite.ts'

export function describeList({ describe, it }: Suite): void {
  describe('list', () => {
    it('goes newest first', async (scene) => {
      const ids: string[] = []
      for (let task = 0; task < 5; task++) {
        ids.unshift(await scene.submit({ type: `type-${task % 2}`, queue: `queue-${task % 3}` }))
        if (task !== 2) await scene.clock.advance(1)
      }
      assert.deepEqual(idsOf(await scene.listAll()), ids)
    })

    it('shows the same tasks that find does', async (scene) => {
      await populate(scene)
      const listed = await scene.listAll()
      assert.deepEqual(listed, await scene.store.reads.find({ namespace: 'default', taskIds: idsOf(listed) }))
    })

    for (const status of TASK_STATUSES) {
      it(`filters by status: ${status}`, async (scene) => {
        await populate(scene)
        await listsExactly(scene, { status }, (task) => task.status === status)
      })
    }

    it('lists a task whose time has come as queued', async (scene) => {
      const id = await scene.submit({ delayMs: 1_000 })
      assert.equal(only(await scene.listAll({ status: 'scheduled' })).id, id)
      assert.deepEqual(await scene.listAll({ status: 'queued' }), [])
      await scene.clock.advance(1_000)
      assert.deepEqual(await scene.listAll({ status: 'scheduled' }), [])
      const listed = only(await scene.listAll({ status: 'queued' }))
      assert.deepEqual([listed.id, listed.status], [id, 'queued'])
    })

    it('filters by type', async (scene) => {
      await populate(scene)
      await listsExactly(scene, { type: 'b' }, ({ type }) => type === 'b')
      assert.deepEqual(await scene.listAll({ type: 'unknown' }), [])
    })

    it('filters by queue', async (scene) => {
      await populate(scene)
      await listsExactly(scene, { queue: 'q2' }, ({ queue }) => queue === 'q2')
      assert.deepEqual(await scene.listAll({ queue: 'unknown' }), [])
    })

    it('filters by tag, taken as it is', async (scene) => {
      await populate(scene)
      await listsExactly(scene, { tag: 'odd' }, ({ tags }) => tags.includes('odd'))
      await listsExactly(scene, { tag: '100% "ä"_' }, ({ tags }) => tags.includes('100% "ä"_'))
      assert.deepEqual(await scene.listAll({ tag: 'od' }), [])
    })

    it('filters by time of creation, from inclusive, until exclusive', async (scene) => {
      await populate(scene)
      const from = (await scene.listAll()).at(-4)?.createdAt ?? 0
      await listsExactly(scene, { createdAfter: from }, ({ createdAt }) => createdAt >= from)
      await listsExactly(scene, { createdBefore: from }, ({ createdAt }) => createdAt < from)
      await listsExactly(scene, { createdAfter: from, createdBefore: from + 1 }, ({ createdAt }) => createdAt === from)
    })

    it('combines all filters', async (scene) => {
      await populate(scene)
      const newest = (await scene.listAll())[0]?.createdAt ?? 0
      await listsExactly(
        scene,
        { type: 'a', queue: 'q1', status: 'queued', tag: 'odd', createdAfter: 0, createdBefore: newest },
        (task) =>
          task.type === 'a' &&
          task.queue === 'q1' &&
          task.status === 'queued' &&
          task.tags.includes('odd') &&
          task.createdAt < newest,
      )
    })

    it('pages through without gaps or doubles while tasks arrive', async (scene) => {
      const before = idsOf(await populate(scene))
      const seen: string[] = []
      let cursor: string | null = null
      do {
        const page = await scene.store.reads.list({ ...EVERYTHING, limit: 3, cursor })
        assert.ok(page.items.length <= 3)
        seen.push(...idsOf(page.items))
        await scene.submit()
        cursor = page.nextCursor
      } while (cursor !== null)
      assert.deepEqual(seen, before)
    })

    it('pages through a filtered list', async (scene) => {
      await populate(scene)
      for (const filter of [{ status: 'queued' }, { tag: 'odd' }, { type: 'a' }, { queue: 'q1' }] as const) {
        assert.deepEqual(await scene.listAll({ ...filter, limit: 1 }), await scene.listAll(filter))
      }
    })

    it('lists an empty store as one empty page', async (scene) => {
      assert.deepEqual(await scene.store.reads.list({ ...EVERYTHING, limit: 10, cursor: null }), {
        items: [],
        nextCursor: null,
      })
    })

    it('refuses a cursor that is none of its own', async (scene) => {
      await scene.submit()
      for (const cursor of ['', 'nonsense', '…', '{"a":1}', 'AAAA', '-1', '99999999999999999999999']) {
        await assert.rejects(
          scene.store.reads.list({ ...EVERYTHING, limit: 10, cursor }),
          (error) => error instanceof TaskyardError && error.code === 'invalid_request',
          `the cursor ${JSON.stringify(cursor)}`,
        )
      }
    })
  })
}

/** Tasks of every status that this version knows, in several queues and types; newest first. */
async function populate(scene: Scene): Promise<readonly Task[]> {
  const ids: string[] = []
  for (let task = 0; task < 16; task++) {
    const tags = task % 2 === 1 ? ['odd', `n${task}`] : task === 8 ? ['100% "ä"_'] : []
    const delayMs = task % 8 === 7 ? 3_600_000 : 0
    ids.push(
      await scene.submit({ type: task % 3 === 0 ? 'b' : 'a', queue: task % 4 === 0 ? 'q2' : 'q1', tags, delayMs }),
    )
    if (task % 4 !== 3) await scene.clock.advance(1)
  }
  const [done, broken, running] = await scene.claim({ queues: ['q1', 'q2'], limit: 3 })
  if (done === undefined || broken === undefined || running === undefined) throw new Error('three tasks are ready')
  await scene.settle(done, succeeded())
  await scene.settle(broken, failed({ retryable: false }))
  await scene.cancel(ids[5] as string)
  return scene.listAll()
}

async function listsExactly(
  scene: Scene,
  filter: Partial<TaskFilter>,
  belongs: (task: Task) => boolean,
): Promise<void> {
  const expected = (await scene.listAll()).filter(belongs)
  assert.deepEqual(await scene.listAll(filter), expected)
}
