import assert from 'node:assert/strict'
import type { JsonText } from '@taskyard/core'
import { idsOf, only } from '../scene.ts'
import type { Suite } from '../suite.ts'

export function describeEnqueue({ describe, it, itWithoutFaults }: Suite): void {
  describe('enqueue', () => {
    it('stores every field of a task and answers with its state', async (scene) => {
      const task = scene.newTask({
        type: 'resize-image',
        queue: 'media',
        payload: '{"width":100}' as JsonText,
        priority: -5,
        maxAttempts: 3,
        backoff: { kind: 'linear', baseSeconds: 2, factor: 0.5, maxSeconds: 60 },
        timeoutSeconds: 90,
        tags: ['invoice', 'größe "XL"'],
        idempotency: { key: 'order-7', fingerprint: 'a' },
      })
      const outcome = only(await scene.enqueue([[task]]))
      assert.equal(outcome.kind, 'accepted')
      const accepted = only(outcome.tasks)
      const now = scene.clock.now()
      assert.deepEqual(
        { ...accepted, replayed: null },
        {
          id: task.id,
          status: 'queued',
          createdAt: now,
          runAt: now,
          replayed: null,
        },
      )
      const { idempotency, delayMs, runAt, ...kept } = task
      assert.deepEqual(await scene.find(task.id), {
        ...kept,
        status: 'queued',
        runAt: now,
        createdAt: now,
        idempotencyKey: 'order-7',
        result: null,
        error: null,
        attempt: 0,
        crashes: 0,
        progress: null,
        workerId: null,
        startedAt: null,
        finishedAt: null,
        cancelRequestedAt: null,
      })
    })

    it('schedules a task for a time in the future', async (scene) => {
      const runAt = scene.clock.now() + 60_000
      const task = await scene.find(await scene.submit({ runAt }))
      assert.equal(task.status, 'scheduled')
      assert.equal(task.runAt, runAt)
    })

    it('schedules a task by a delay from now', async (scene) => {
      const task = await scene.find(await scene.submit({ delayMs: 1_500 }))
      assert.equal(task.status, 'scheduled')
      assert.equal(task.runAt, scene.clock.now() + 1_500)
    })

    it('queues a task whose time has passed already', async (scene) => {
      const id = await scene.submit({ runAt: scene.clock.now() - 60_000 })
      assert.equal((await scene.find(id)).status, 'queued')
      assert.equal((await scene.claimOne()).id, id)
    })

    it('judges the submissions of one call each by itself, in their order', async (scene) => {
      const used = { key: 'k', fingerprint: 'first' }
      await scene.submit({ idempotency: used })
      const [one, conflicting, three] = [scene.newTask(), scene.newTask(), scene.newTask()]
      const conflict = { ...conflicting, idempotency: { key: 'k', fingerprint: 'other' } }
      const outcomes = await scene.enqueue([[one], [conflict], [three]])
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ['accepted', 'idempotency-conflict', 'accepted'],
      )
      assert.deepEqual(await scene.store.reads.find({ namespace: 'default', taskIds: [conflicting.id] }), [null])
    })

    it('stores all tasks of a submission or none', async (scene) => {
      await scene.submit({ idempotency: { key: 'k', fingerprint: 'first' } })
      const fine = [scene.newTask(), scene.newTask()]
      const conflict = scene.newTask({ idempotency: { key: 'k', fingerprint: 'other' } })
      assert.equal(only(await scene.enqueue([[...fine, conflict]])).kind, 'idempotency-conflict')
      assert.deepEqual(await scene.store.reads.find({ namespace: 'default', taskIds: idsOf(fine) }), [null, null])
      assert.equal((await scene.counts()).counts.queued, 1)
    })

    it('does not double a task whose call is repeated', async (scene) => {
      const tasks = [scene.newTask(), scene.newTask()]
      await scene.enqueue([tasks])
      const repeated = only(await scene.enqueue([tasks]))
      assert.equal(repeated.kind, 'accepted')
      assert.deepEqual(idsOf(repeated.tasks), idsOf(tasks))
      assert.equal((await scene.listAll()).length, 2)
      assert.equal((await scene.counts()).counts.queued, 2)
      assert.equal((await scene.claim()).length, 2)
    })

    it('tells a repeated call where its task has got to, and leaves it there', async (scene) => {
      const task = scene.newTask()
      await scene.enqueue([[task]])
      await scene.claimOne()
      const repeated = only(await scene.enqueue([[task]]))
      assert.equal(repeated.kind, 'accepted')
      assert.equal(only(repeated.tasks).status, 'running')
      assert.equal((await scene.events(task.id)).length, 2)
    })

    itWithoutFaults('says of a new task that it is no replay', async (scene) => {
      const outcome = only(await scene.enqueue([[scene.newTask()]]))
      assert.ok(outcome.kind === 'accepted' && only(outcome.tasks).replayed === false)
    })

    it('takes a thousand tasks in one call', async (scene) => {
      const tasks = Array.from({ length: 1000 }, () => scene.newTask())
      assert.equal(only(await scene.enqueue([tasks])).kind, 'accepted')
      assert.equal((await scene.counts()).counts.queued, 1000)
    })

    it('answers an empty call with an empty list', async (scene) => {
      assert.deepEqual(await scene.enqueue([]), [])
      assert.deepEqual(await scene.store.reads.find({ namespace: 'default', taskIds: [] }), [])
    })

    it('finds tasks in the order asked for, null where there is none, the same one twice', async (scene) => {
      const [first, second] = [await scene.submit(), await scene.submit()]
      const unknown = scene.newTask().id
      const found = await scene.store.reads.find({ namespace: 'default', taskIds: [second, unknown, first, second] })
      assert.deepEqual(
        found.map((task) => task?.id ?? null),
        [second, null, first, second],
      )
    })
  })
}
