import assert from 'node:assert/strict'
import { fromJsonText, type JsonText, type TaskEvent } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { cancelled, failed, leaseRef, released, SESSION_WORKER, succeeded, workersOf } from '../test-bed.ts'

/** The events of a task: complete, in order, and never changed. */
export function describeHistory({ describe, it }: Suite): void {
  describe('history', () => {
    it('tells the whole life of a task in order', async (bed) => {
      const id = await bed.submit({ maxAttempts: 3 })
      await bed.settle(await bed.claimOne(), released)
      const first = await bed.claimOne()
      await bed.record(first, { progress: 1 })
      await bed.record(first, { log: 'hello' })
      await bed.settle(first, failed({ retryDelayMs: 0 }))
      await bed.claimOne({ leaseMs: 1_000 })
      await bed.clock.advance(1_000)
      await bed.sweep()
      await bed.settle(await bed.claimOne(), failed())
      await bed.retry(id)
      const asked = await bed.claimOne()
      await bed.cancel(id)
      await bed.settle(asked, cancelled)
      await bed.retry(id)
      await bed.settle(await bed.claimOne(), succeeded())
      assert.deepEqual(
        (await bed.events(id)).map(({ kind, attempt }) => (kind === 'retried' ? kind : `${kind} ${attempt}`)),
        [
          'submitted 0',
          'started 1',
          'released 1',
          'started 1',
          'progress 1',
          'log 1',
          'retry-scheduled 1',
          'started 2',
          'lease-expired 2',
          'started 3',
          'failed 3',
          'retried',
          'started 1',
          'cancel-requested 1',
          'cancelled 1',
          'retried',
          'started 1',
          'succeeded 1',
        ],
      )
    })

    it('numbers events upwards from 1 and never renumbers them', async (bed) => {
      const id = await bed.submit()
      const task = await bed.claimOne()
      const early = await bed.events(id)
      assert.equal(early[0]?.n, 1)
      await bed.record(task, { log: 'a' })
      await bed.settle(task, succeeded())
      const late = await bed.events(id)
      assert.deepEqual(late.slice(0, early.length), early)
      const numbers = late.map(({ n }) => n)
      assert.deepEqual(
        numbers,
        [...new Set(numbers)].sort((one, other) => one - other),
      )
    })

    it('shows at every step what it showed before, and more', async (bed) => {
      const id = await bed.submit({ maxAttempts: 2 })
      let seen: readonly TaskEvent[] = []
      const grows = async () => {
        const events = await bed.events(id)
        assert.deepEqual(events.slice(0, seen.length), seen)
        assert.ok(events.length > seen.length, `after ${seen.at(-1)?.kind}`)
        seen = events
      }
      await grows()
      const first = await bed.claimOne()
      await grows()
      await bed.record(first, { progress: 1, log: 'line' })
      await grows()
      await bed.settle(first, failed({ retryDelayMs: 0 }))
      await grows()
      const second = await bed.claimOne()
      await grows()
      await bed.settle(second, released)
      await grows()
      const third = await bed.claimOne({ worker: SESSION_WORKER })
      await bed.record(third, { log: 'again' })
      await grows()
      await bed.store.presence.endLeases({ workers: workersOf('worker-1') })
      await grows()
      await bed.cancel(id)
      await grows()
      await bed.retry(id)
      await grows()
      await bed.claimOne()
      await bed.cancel(id)
      await grows()
      await bed.clock.advance(60_000)
      await bed.sweep()
      await grows()
      await bed.retry(id)
      await bed.settle(await bed.claimOne(), succeeded())
      await grows()
    })

    it('dates events by the clock of the store', async (bed) => {
      const start = bed.clock.now()
      const id = await bed.submit()
      await bed.clock.advance(10)
      const task = await bed.claimOne()
      await bed.clock.advance(20)
      await bed.settle(task, succeeded())
      assert.deepEqual(
        (await bed.events(id)).map(({ at }) => at - start),
        [0, 10, 30],
      )
    })

    it('says who started, what failed and when it is tried again', async (bed) => {
      const task = await bed.start({ maxAttempts: 2 })
      const error = { code: 'broken', message: 'It broke' }
      await bed.settle(task, failed({ error, retryDelayMs: 7_000 }))
      const retryAt = new Date(bed.clock.now() + 7_000).toISOString()
      await bed.clock.advance(7_000)
      await bed.settle(await bed.claimOne({ queues: [task.queue] }), failed({ error }))
      const events = await bed.events(task.id)
      assert.deepEqual(dataOf(events, 'started'), [{ workerId: 'worker-1' }, { workerId: 'worker-1' }])
      assert.deepEqual(dataOf(events, 'retry-scheduled'), [{ error, retryAt }])
      assert.deepEqual(dataOf(events, 'failed'), [{ error }])
    })

    it('continues after a number, up to a limit', async (bed) => {
      const task = await bed.start()
      for (let line = 0; line < 5; line++) await bed.record(task, { log: `line ${line}` })
      const all = await bed.events(task.id)
      const after = all[2]?.n ?? 0
      const page = (await bed.store.reads.history({ namespace: 'default', taskId: task.id, after, limit: 2 })) ?? []
      assert.ok(page.length === 1 || page.length === 2, `${page.length} events for a limit of 2`)
      assert.deepEqual(page, all.slice(3, 3 + page.length))
      assert.deepEqual(
        await bed.store.reads.history({ namespace: 'default', taskId: task.id, after: all.at(-1)?.n ?? 0, limit: 2 }),
        [],
      )
    })

    it('is whole and in order however long it is', async (bed) => {
      const task = await bed.start()
      const lines = Array.from({ length: 400 }, (_, n) => `${n} ${'x'.repeat(15_000)}`)
      for (let at = 0; at < lines.length; at += 100) {
        const entries = lines.slice(at, at + 100).map((log) => ({ ...leaseRef(task), progress: null, log }))
        await bed.store.tasks.record({ namespace: 'default', entries })
      }
      await bed.settle(task, succeeded('"result"' as JsonText))
      const events = await bed.events(task.id)
      assert.deepEqual(
        dataOf(events, 'log').map((data) => (data as { line: string }).line),
        lines,
      )
      assert.deepEqual(dataOf(events, 'started'), [{ workerId: 'worker-1' }])
      assert.equal(events.at(-1)?.kind, 'succeeded')
    })

    it('is null for a task that there is not', async (bed) => {
      assert.equal(
        await bed.store.reads.history({ namespace: 'default', taskId: bed.newTask().id, after: 0, limit: 10 }),
        null,
      )
    })
  })
}

function dataOf(events: readonly TaskEvent[], wanted: TaskEvent['kind']): readonly unknown[] {
  return events.filter(({ kind }) => kind === wanted).map(({ data }) => data && fromJsonText(data))
}
