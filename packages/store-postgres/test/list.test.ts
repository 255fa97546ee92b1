import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createSimulatedClock, type StoreUnderTest, taskMaker } from '@taskyard/conformance'
import type { ListParams } from '@taskyard/core'
import { CLAIM, EVERYTHING } from './calls.ts'
import { openStore } from './store-opener.ts'

const HOUR = 3_600_000
/** More lanes than are merged one by one. */
const TYPES = Array.from({ length: 70 }, (_, n) => `type-${n}`)
const FILTER: ListParams = { ...EVERYTHING, limit: 7 }

describe('a list over many lanes', () => {
  const clock = createSimulatedClock()
  const newTask = taskMaker(clock)
  let opened: StoreUnderTest
  /** Newest first. */
  const ids = { waiting: [] as string[], succeeded: [] as string[], cancelled: [] as string[] }

  before(async () => {
    opened = await openStore({ clock })
    const { store } = opened
    await store.lifecycle.migrate()
    // Close together and hours apart in turns, over four weeks.
    for (let n = 0; n < 210; n++) {
      const task = newTask({ type: TYPES[n % TYPES.length] as string })
      const { id } = task
      await store.tasks.enqueue({ submissions: [{ tasks: [task] }], queueDepth: 1_000_000 })
      if (n % 3 === 0) await succeed(id)
      else if (n % 50 === 1) await store.tasks.cancel({ namespace: 'default', taskIds: [id] })
      ids[n % 3 === 0 ? 'succeeded' : n % 50 === 1 ? 'cancelled' : 'waiting'].unshift(id)
      await clock.advance(n % 10 === 0 ? 30 * HOUR : 5)
    }
  })

  after(() => opened.destroy())

  const succeed = async (id: string): Promise<void> => {
    const leased = await opened.store.tasks.claim({ ...CLAIM, limit: 1000, leaseMs: HOUR })
    await opened.store.tasks.settle({
      namespace: 'default',
      settlements: leased.map(({ id: taskId, lease: { token } }) =>
        taskId === id ? { taskId, token, outcome: 'succeeded', result: null } : { taskId, token, outcome: 'released' },
      ),
      claim: null,
    })
  }

  const listAll = async (filter: Partial<ListParams>): Promise<readonly string[]> => {
    const found: string[] = []
    let cursor: string | null = null
    do {
      const page = await opened.store.reads.list({ ...FILTER, ...filter, cursor })
      assert.ok(page.items.length <= FILTER.limit)
      found.push(...page.items.map(({ id }) => id))
      cursor = page.nextCursor
    } while (cursor !== null)
    return found
  }

  it('finds those that ended in a way, newest first, page by page', async () => {
    assert.deepEqual(await listAll({ statuses: ['succeeded'] }), ids.succeeded)
    assert.deepEqual(await listAll({ statuses: ['cancelled'] }), ids.cancelled)
    assert.deepEqual(await listAll({ statuses: ['failed'] }), [])
  })

  it('finds those of a queue', async () => {
    const all = [...ids.waiting, ...ids.succeeded, ...ids.cancelled].toSorted().toReversed()
    assert.deepEqual(await listAll({ queue: 'default' }), all)
  })

  it('finds those of a time', async () => {
    const now = clock.now()
    const createdAfter = now - 10 * 24 * HOUR
    const createdBefore = now - 5 * 24 * HOUR
    const { items } = await opened.store.reads.list(EVERYTHING)
    const createdWithin = items.filter((task) => task.createdAt >= createdAfter && task.createdAt < createdBefore)
    const wanted = createdWithin.filter(({ status }) => status === 'succeeded').map(({ id }) => id)
    assert.ok(wanted.length > 7)
    assert.deepEqual(await listAll({ statuses: ['succeeded'], createdAfter, createdBefore }), wanted)
  })
})
