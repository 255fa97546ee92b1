import assert from 'node:assert/strict'
import type { JsonText, NewTask, TaskIdsParams } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import {
  cancelled,
  failed,
  idsOf,
  leaseRef,
  type Outcome,
  only,
  SESSION_WORKER,
  SWEEP,
  succeeded,
  type TestBed,
  workersOf,
} from '../test-bed.ts'

const DAY = 86_400_000
const BIG = `"${'x'.repeat(9_998)}"` as JsonText
const OUTCOMES: readonly Outcome[] = [succeeded('{"n":1}' as JsonText), failed({ retryable: false }), cancelled]

/** The removal of ended tasks by hand. */
export function describeDelete({ describe, it, itWithoutFaults }: Suite): void {
  describe('delete', () => {
    it('removes tasks that have ended, however they have, with all that is known of them', async (bed) => {
      const tasks = await endTogether(bed, [{ tags: ['t'] }, { tags: ['t', 'u'] }, { tags: ['t'] }, { tags: ['t'] }])
      const kept = tasks.pop() as string
      await bed.store.tasks.delete(these(tasks))
      assert.deepEqual(await bed.store.reads.find(these(tasks)), [null, null, null])
      for (const taskId of tasks) {
        assert.equal(await bed.store.reads.history({ namespace: 'default', taskId, after: 0, limit: 10 }), null)
      }
      for (const filter of [
        {},
        { tag: 't' },
        { type: 'test' },
        { statuses: ['succeeded', 'failed', 'cancelled'] },
      ] as const)
        assert.deepEqual(idsOf(await bed.listAll(filter)), [kept], JSON.stringify(filter))
      assert.deepEqual(await bed.listAll({ tag: 'u' }), [])
      assert.equal((await bed.find(kept)).status, 'succeeded')
    })

    it('leaves what has ended otherwise than is wanted', async (bed) => {
      const [done, broken, unwanted] = (await endTogether(bed, [{}, {}, {}])) as [string, string, string]
      const these = { namespace: 'default', taskIds: [done, broken, unwanted] }
      await bed.store.tasks.delete({ ...these, statuses: ['failed', 'cancelled'] })
      const left = await bed.store.reads.find(these)
      assert.deepEqual(
        left.map((task) => task?.status ?? null),
        ['succeeded', null, null],
      )
      assert.deepEqual(await bed.store.tasks.delete({ ...these, taskIds: [done], statuses: ['failed'] }), [
        { kind: 'kept', status: 'succeeded' },
      ])
    })

    it('takes them off the counts, but not off what was ever finished', async (bed) => {
      const tasks = await endTogether(bed, [{}, {}, {}, {}])
      await bed.store.tasks.delete(these(tasks.slice(0, 3)))
      const { counts, finishedTotal } = await bed.counts()
      const { succeeded, failed, cancelled, queued, running } = counts
      assert.deepEqual([succeeded, failed, cancelled, queued, running], [1, 0, 0, 0, 0])
      assert.equal(finishedTotal, 4)
    })

    itWithoutFaults('says of each what became of it, in their order', async (bed) => {
      const [done, broken] = await endTogether(bed, [{}, {}])
      const running = await bed.start()
      const queued = await bed.submit()
      const scheduled = await bed.submit({ delayMs: 60_000 })
      const due = await bed.submit({ delayMs: 1 })
      await bed.clock.advance(1)
      const taskIds = [running.id, done as string, queued, bed.newTask().id, scheduled, broken as string, due]
      assert.deepEqual(await bed.store.tasks.delete(these(taskIds)), [
        { kind: 'kept', status: 'running' },
        { kind: 'deleted' },
        { kind: 'kept', status: 'queued' },
        { kind: 'not-found' },
        { kind: 'kept', status: 'scheduled' },
        { kind: 'deleted' },
        { kind: 'kept', status: 'queued' },
      ])
      assert.deepEqual(await bed.store.tasks.delete(these([])), [])
    })

    it('leaves what has not ended as it is', async (bed) => {
      const running = await bed.start({ queue: 'kept' })
      const retried = await bed.start({ queue: 'kept' })
      await bed.settle(retried, failed({ retryDelayMs: 60_000 }))
      const queued = await bed.submit({ queue: 'kept' })
      const before = await bed.store.reads.find(these([running.id, retried.id, queued]))
      await bed.store.tasks.delete(these([running.id, retried.id, queued]))
      assert.deepEqual(await bed.store.reads.find(these([running.id, retried.id, queued])), before)
      assert.equal(await bed.extend(running), 'ok')
      assert.equal((await bed.settle(running, succeeded())).status, 'ok')
      assert.equal((await bed.claimOne({ queues: ['kept'] })).id, queued)
    })

    itWithoutFaults('finds nothing more when it is repeated, and counts nothing twice', async (bed) => {
      const tasks = await endTogether(bed, [{}, {}, {}])
      assert.deepEqual(await bed.store.tasks.delete(these(tasks)), Array(3).fill({ kind: 'deleted' }))
      assert.deepEqual(await bed.store.tasks.delete(these(tasks)), Array(3).fill({ kind: 'not-found' }))
      for (const id of tasks) {
        assert.deepEqual(await bed.cancel(id), { kind: 'not-found' })
        assert.deepEqual(await bed.retry(id), { kind: 'not-found' })
      }
      assert.equal((await bed.counts()).counts.succeeded, 0)
    })

    it('lets a late word about a task come to nothing', async (bed) => {
      const task = await bed.start()
      await bed.settle(task, succeeded())
      await bed.delete(task.id)
      for (const outcome of OUTCOMES) assert.deepEqual(await bed.settle(task, outcome), { status: 'lost' })
      assert.equal(await bed.extend(task), 'lost')
      assert.equal(await bed.record(task, { log: 'line' }), 'lost')
      assert.deepEqual(await bed.listAll(), [])
    })

    it('leaves a key as that of a task that is gone', async (bed) => {
      const idempotency = { key: 'order-1', fingerprint: 'a' }
      const taskId = await bed.submit({ idempotency })
      await bed.cancel(taskId)
      await bed.delete(taskId)
      const outcome = only(await bed.enqueue([[bed.newTask({ idempotency })]]))
      assert.deepEqual(outcome, { kind: 'idempotent-task-gone', key: 'order-1', taskId })
      await bed.clock.advance(DAY + 1)
      await bed.submit({ idempotency })
    })

    it('removes a quarantined task, and a retried one when it has ended again', async (bed) => {
      const id = await bed.submit()
      for (let crash = 0; crash < 3; crash++) {
        await bed.claimOne({ worker: SESSION_WORKER })
        await bed.store.presence.endLeases({ workers: workersOf('worker-1') })
      }
      await bed.retry(id)
      await bed.delete(id)
      assert.equal((await bed.find(id)).status, 'queued')
      await bed.settle(await bed.claimOne(), failed({ retryable: false }))
      await bed.delete(id)
      assert.deepEqual(await bed.store.reads.find(these([id])), [null])
    })

    it('leaves the others of a claim to retention, which counts none twice', async (bed) => {
      const tasks = await endTogether(
        bed,
        Array.from({ length: 12 }, (_, n) => (n < 8 ? {} : { tags: ['t'] })),
      )
      await bed.store.tasks.delete(these([...tasks.slice(0, 3), ...tasks.slice(7, 9)]))
      const later = await endTogether(bed, [{}, {}])
      await bed.clock.advance(8 * DAY)
      const latest = await endTogether(bed, [{}])
      await sweepAll(bed)
      assert.deepEqual(idsOf(await bed.listAll({ statuses: ['succeeded', 'cancelled'] })), latest)
      await bed.clock.advance(23 * DAY)
      await bed.store.tasks.delete(these([...tasks, ...later, ...latest]))
      await sweepAll(bed)
      assert.deepEqual(await bed.listAll(), [])
      const { succeeded, failed, cancelled } = (await bed.counts()).counts
      assert.deepEqual([succeeded, failed, cancelled], [0, 0, 0])
    })

    it('frees the bytes that retention counts', async (bed) => {
      const tasks = await endTogether(bed, Array(10).fill({ payload: BIG }), succeeded())
      await bed.store.tasks.delete(these(tasks.slice(0, 6)))
      const retention = { ...SWEEP.retention, finishedBytes: 55_000 }
      await sweepAll(bed, retention)
      assert.deepEqual(idsOf(await bed.listAll()), tasks.slice(6).reverse())
      await bed.store.tasks.delete(these(tasks))
      const fresh = await endTogether(bed, Array(4).fill({ payload: BIG }), succeeded())
      await sweepAll(bed, retention)
      assert.equal((await bed.listAll()).length, 4)
      await endTogether(bed, Array(4).fill({ payload: BIG }), succeeded())
      await bed.store.tasks.delete(these(fresh.slice(0, 1)))
      await sweepAll(bed, retention)
      const { length } = await bed.listAll()
      assert.ok(length >= 4 && length <= 5, `${length} of 7 tasks of 10 kB fit into 55 kB`)
    })

    it('lets the same submission be made again, as a task of its own time', async (bed) => {
      const [first, second] = [bed.newTask(), bed.newTask()]
      for (const task of [first, second]) await bed.enqueue([[task]])
      await endReady(bed, [succeeded(), succeeded()])
      await bed.delete(first.id)
      await bed.clock.advance(6 * DAY)
      await bed.enqueue([[first]])
      await endReady(bed, [succeeded()])
      await bed.clock.advance(2 * DAY)
      await sweepAll(bed)
      assert.deepEqual(idsOf(await bed.listAll()), [first.id])
      assert.equal((await bed.counts()).counts.succeeded, 1)
      await bed.clock.advance(6 * DAY)
      await sweepAll(bed)
      assert.deepEqual(await bed.listAll(), [])
      assert.equal((await bed.counts()).counts.succeeded, 0)
    })

    itWithoutFaults('by several at once deletes each task once', async (bed) => {
      const tasks = await endTogether(bed, Array(9).fill({}))
      const calls = [tasks, [...tasks].reverse(), tasks].map((some) => bed.store.tasks.delete(these(some)))
      const kinds = (await Promise.all(calls)).flat().map(({ kind }) => kind)
      assert.equal(kinds.filter((kind) => kind === 'deleted').length, 9)
      assert.equal(kinds.filter((kind) => kind === 'not-found').length, 18)
      const { succeeded, failed, cancelled } = (await bed.counts()).counts
      assert.deepEqual([succeeded, failed, cancelled], [0, 0, 0])
    })

    itWithoutFaults('and retry at once: each task is there again, or gone', async (bed) => {
      const tasks = await endTogether(bed, Array(12).fill({}), failed({ retryable: false }))
      const [deleted, retried] = await Promise.all([
        bed.store.tasks.delete(these(tasks)),
        bed.store.tasks.retry(these([...tasks].reverse())),
      ])
      const ofRetry = [...retried].reverse()
      for (const [i, outcome] of deleted.entries()) {
        const isDeleted = outcome.kind === 'deleted'
        assert.deepEqual(ofRetry[i], { kind: isDeleted ? 'not-found' : 'retried' })
        assert.deepEqual(outcome, isDeleted ? outcome : { kind: 'kept', status: 'queued' })
      }
      const left = ofRetry.filter(({ kind }) => kind === 'retried').length
      assert.equal((await bed.listAll()).length, left)
      const { counts } = await bed.counts()
      assert.deepEqual([counts.queued, counts.failed], [left, 0])
    })

    it('lasts over a restart', async (bed) => {
      const tasks = await endTogether(bed, [{}, {}, {}, {}])
      await bed.store.tasks.delete(these(tasks.slice(1)))
      await bed.reopen()
      assert.deepEqual(idsOf(await bed.listAll()), tasks.slice(0, 1))
      const fresh = await bed.submit()
      assert.equal((await bed.claimOne()).id, fresh)
      assert.equal((await bed.counts()).counts.succeeded, 1)
    })
  })
}

function these(taskIds: readonly string[]): TaskIdsParams {
  return { namespace: 'default', taskIds }
}

/** Tasks that were claimed together and settled in one call, as `outcome` or in turns succeeded, failed and cancelled; in the order of their submission. */
async function endTogether(bed: TestBed, tasks: readonly Partial<NewTask>[], outcome?: Outcome): Promise<string[]> {
  const made = tasks.map((task) => bed.newTask(task))
  await bed.enqueue([made])
  await endReady(
    bed,
    made.map((_, i) => outcome ?? (OUTCOMES[i % OUTCOMES.length] as Outcome)),
  )
  return made.map(({ id }) => id)
}

async function endReady(bed: TestBed, outcomes: readonly Outcome[]): Promise<void> {
  const leased = await bed.claim({ limit: outcomes.length })
  assert.equal(leased.length, outcomes.length)
  const settlements = leased.map((task, i) => ({ ...leaseRef(task), ...(outcomes[i] as Outcome) }))
  await bed.store.tasks.settle({ namespace: 'default', settlements, claim: null })
}

async function sweepAll(bed: TestBed, retention = SWEEP.retention): Promise<void> {
  let removed = 0
  do {
    removed = (await bed.sweep({ retention })).removed
  } while (removed > 0)
}
