// What the layout in Redis must keep: order within and over chunks.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NewTask, OpenedStore } from '@taskyard/core'
import { ANY_TIME, batch, counted, EVERYTHING, idsOf, listAll, SUCCEEDED, submit } from './calls.ts'
import { CLAIM, namespace, newTask, openTestStore } from './test-bed.ts'

describe('tasks that came together', () => {
  it('are handed out in order whatever the size of the claims', async (t) => {
    const store = await openTestStore(t)
    const tasks = batch(350)
    await submit(store, tasks)
    assert.deepEqual(await claimAll(store, [7, 1, 110, 3, 200, 50]), idsOf(tasks))
  })

  it('of several queues and types are handed out in order over all of them', async (t) => {
    const store = await openTestStore(t)
    const tasks = Array.from({ length: 300 }, (_, n) => newTask({ queue: `q${n % 2}`, type: `t${n % 3}` }))
    await submit(store, tasks)
    assert.deepEqual(await claimAll(store, [1, 40, 5, 100, 300], { queues: ['q1', 'q0'] }), idsOf(tasks))
  })

  it('of several priorities go by priority, then in order', async (t) => {
    const store = await openTestStore(t)
    const tasks = Array.from({ length: 300 }, (_, n) => newTask({ priority: (n % 3) - 1 }))
    await submit(store, tasks)
    const expected = [1, 0, -1].flatMap((wanted) => tasks.filter(({ priority }) => priority === wanted))
    assert.deepEqual(await claimAll(store, [30, 1, 300]), idsOf(expected))
  })

  it('stay in order around those that are cancelled', async (t) => {
    const store = await openTestStore(t)
    const tasks = batch(250)
    await submit(store, tasks)
    const cancelled = [0, 1, 57, 109, 110, 111, 200, 249].map((n) => (tasks[n] as NewTask).id)
    const outcomes = await store.tasks.cancel({ namespace, taskIds: cancelled })
    assert.ok(outcomes.every(({ kind }) => kind === 'cancelled'))
    const left = idsOf(tasks).filter((id) => !cancelled.includes(id))
    assert.equal(await counted(store, 'queued'), left.length)
    assert.deepEqual(await claimAll(store, [3, 500]), left)
  })

  it('are listed newest first, lane by lane and all together', async (t) => {
    const store = await openTestStore(t)
    const tasks = Array.from({ length: 300 }, (_, n) => newTask({ type: `t${n % 3}` }))
    await submit(store, tasks.slice(0, 120))
    await submit(store, tasks.slice(120))
    assert.deepEqual(await listAll(store, {}), idsOf(tasks).reverse())
    const ofType = idsOf(tasks.filter(({ type }) => type === 't1')).reverse()
    assert.deepEqual(await listAll(store, { type: 't1' }), ofType)
  })
})

describe('a long list', () => {
  it('of waiting tasks is complete, and so is one of the few finished among them', async (t) => {
    const store = await openTestStore(t)
    const tasks = Array.from({ length: 6 }, () => batch(1000))
    for (const some of tasks) await submit(store, some)
    const finished = await store.tasks.claim({ ...CLAIM, limit: 5 })
    const settlements = finished.map(({ id, lease }) => ({ taskId: id, token: lease.token, ...SUCCEEDED }))
    await store.tasks.settle({ namespace, settlements, claim: null })
    const all = idsOf(tasks.flat()).reverse()
    assert.deepEqual(await listAll(store, { statuses: ['queued'] }), all.slice(0, -5))
    assert.deepEqual(await listAll(store, { statuses: ['succeeded'] }), all.slice(-5))
  })

  it('gives up early rather than look at everything, and goes on from there', async (t) => {
    const store = await openTestStore(t)
    for (let n = 0; n < 8; n++) await submit(store, batch(1000))
    const page = await store.reads.list({
      ...EVERYTHING,
      ...ANY_TIME,
      statuses: ['succeeded'],
      limit: 10,
      cursor: null,
    })
    assert.deepEqual(page.items, [])
    assert.notEqual(page.nextCursor, null)
    assert.deepEqual(await listAll(store, { statuses: ['succeeded'] }), [])
  })
})

/** Claims with each limit in turn, and the last one again until there is no more. */
async function claimAll(store: OpenedStore, limits: readonly number[], wanted: Partial<typeof CLAIM> = {}) {
  const ids: string[] = []
  for (let turn = 0; ; turn++) {
    const limit = limits[Math.min(turn, limits.length - 1)] as number
    const claimed = await store.tasks.claim({ ...CLAIM, ...wanted, limit })
    assert.ok(claimed.length <= limit)
    if (claimed.length === 0) return ids
    ids.push(...idsOf(claimed))
  }
}
