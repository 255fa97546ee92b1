import assert from 'node:assert/strict'
import type { JsonText } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { idsOf, only } from '../test-bed.ts'

/** Submissions: every field, schedules, and batches that are all or nothing. */
export function describeEnqueue({ describe, it, itWithoutFaults }: Suite): void {
  describe('enqueue', () => {
    it('stores every field of a task and answers with its state', async (bed) => {
      const task = bed.newTask({
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
      const outcome = only(await bed.enqueue([[task]]))
      assert.equal(outcome.kind, 'accepted')
      const accepted = only(outcome.tasks)
      const now = bed.clock.now()
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
      assert.deepEqual(await bed.find(task.id), {
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

    it('schedules a task for a time in the future', async (bed) => {
      const runAt = bed.clock.now() + 60_000
      const task = await bed.find(await bed.submit({ runAt }))
      assert.equal(task.status, 'scheduled')
      assert.equal(task.runAt, runAt)
    })

    it('schedules a task by a delay from now', async (bed) => {
      const task = await bed.find(await bed.submit({ delayMs: 1_500 }))
      assert.equal(task.status, 'scheduled')
      assert.equal(task.runAt, bed.clock.now() + 1_500)
    })

    it('queues a task whose time has passed already', async (bed) => {
      const id = await bed.submit({ runAt: bed.clock.now() - 60_000 })
      assert.equal((await bed.find(id)).status, 'queued')
      assert.equal((await bed.claimOne()).id, id)
    })

    it('judges the submissions of one call each by itself, in their order', async (bed) => {
      const used = { key: 'k', fingerprint: 'first' }
      await bed.submit({ idempotency: used })
      const [one, conflicting, three] = [bed.newTask(), bed.newTask(), bed.newTask()]
      const conflict = { ...conflicting, idempotency: { key: 'k', fingerprint: 'other' } }
      const outcomes = await bed.enqueue([[one], [conflict], [three]])
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ['accepted', 'idempotency-conflict', 'accepted'],
      )
      assert.deepEqual(await bed.store.reads.find({ namespace: 'default', taskIds: [conflicting.id] }), [null])
    })

    it('stores all tasks of a submission or none', async (bed) => {
      await bed.submit({ idempotency: { key: 'k', fingerprint: 'first' } })
      const fine = [bed.newTask(), bed.newTask()]
      const conflict = bed.newTask({ idempotency: { key: 'k', fingerprint: 'other' } })
      assert.equal(only(await bed.enqueue([[...fine, conflict]])).kind, 'idempotency-conflict')
      assert.deepEqual(await bed.store.reads.find({ namespace: 'default', taskIds: idsOf(fine) }), [null, null])
      assert.equal((await bed.counts()).counts.queued, 1)
    })

    it('does not double a task whose call is repeated', async (bed) => {
      const tasks = [bed.newTask(), bed.newTask()]
      await bed.enqueue([tasks])
      const repeated = only(await bed.enqueue([tasks]))
      assert.equal(repeated.kind, 'accepted')
      assert.deepEqual(idsOf(repeated.tasks), idsOf(tasks))
      assert.equal((await bed.listAll()).length, 2)
      assert.equal((await bed.counts()).counts.queued, 2)
      assert.equal((await bed.claim()).length, 2)
    })

    it('tells a repeated call where its task has got to, and leaves it there', async (bed) => {
      const task = bed.newTask()
      await bed.enqueue([[task]])
      await bed.claimOne()
      const repeated = only(await bed.enqueue([[task]]))
      assert.equal(repeated.kind, 'accepted')
      assert.equal(only(repeated.tasks).status, 'running')
      assert.equal((await bed.events(task.id)).length, 2)
    })

    itWithoutFaults('says of a new task that it is no replay', async (bed) => {
      const outcome = only(await bed.enqueue([[bed.newTask()]]))
      assert.ok(outcome.kind === 'accepted' && only(outcome.tasks).replayed === false)
    })

    it('takes a thousand tasks in one call', async (bed) => {
      const tasks = Array.from({ length: 1000 }, () => bed.newTask())
      assert.equal(only(await bed.enqueue([tasks])).kind, 'accepted')
      assert.equal((await bed.counts()).counts.queued, 1000)
    })

    it('answers an empty call with an empty list', async (bed) => {
      assert.deepEqual(await bed.enqueue([]), [])
      assert.deepEqual(await bed.store.reads.find({ namespace: 'default', taskIds: [] }), [])
    })

    it('finds tasks in the order asked for, null where there is none, the same one twice', async (bed) => {
      const [first, second] = [await bed.submit(), await bed.submit()]
      const unknown = bed.newTask().id
      const found = await bed.store.reads.find({ namespace: 'default', taskIds: [second, unknown, first, second] })
      assert.deepEqual(
        found.map((task) => task?.id ?? null),
        [second, null, first, second],
      )
    })
  })
}
