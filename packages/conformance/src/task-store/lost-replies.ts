import assert from 'node:assert/strict'
import { type JsonText, TaskyardError } from '@taskyard/core'
import { retrying } from '../faults/retrying.ts'
import { faultOnce, withFaults } from '../faults/with-faults.ts'
import type { Suite } from '../suite.ts'
import { CLAIM, leaseRef, only, SESSION_WORKER, SWEEP, type TestBed, workersOf } from '../test-bed.ts'

/** Calls whose reply is lost and that the caller repeats. */
export function describeLostReplies({ describe, it }: Suite): void {
  describe('lost replies and refused calls', () => {
    it('a submission repeated after its reply was lost is stored once', async (bed) => {
      const store = losing(bed, 'enqueue')
      const task = bed.newTask()
      const outcome = only(await store.tasks.enqueue({ submissions: [{ tasks: [task] }], queueDepth: 10 }))
      assert.ok(outcome.kind === 'accepted' && only(outcome.tasks).id === task.id)
      assert.equal((await bed.listAll()).length, 1)
    })

    it('a settlement repeated after its reply was lost is accepted once', async (bed) => {
      const task = await bed.start()
      const store = losing(bed, 'settle')
      const settlement = { ...leaseRef(task), outcome: 'succeeded', result: '7' as JsonText } as const
      const { results } = await store.tasks.settle({ namespace: 'default', settlements: [settlement], claim: null })
      const result = only(results)
      assert.ok(result.status === 'ok' && result.taskStatus === 'succeeded')
      assert.equal((await bed.counts(task.queue)).finishedTotal, 1)
    })

    it('tasks of a claim whose reply was lost come back when their leases end, and none is lost', async (bed) => {
      const ids = new Set([await bed.submit(), await bed.submit()])
      const store = losing(bed, 'claim')
      assert.deepEqual(await store.tasks.claim({ ...CLAIM, leaseMs: 5_000 }), [])
      await bed.clock.advance(5_000)
      await bed.sweep()
      const claimed = await store.tasks.claim(CLAIM)
      assert.deepEqual(new Set(claimed.map(({ id }) => id)), ids)
    })

    it('a claim that names itself loses nothing with its reply', async (bed) => {
      const ids = [await bed.submit(), await bed.submit(), await bed.submit()]
      const store = losing(bed, 'claim-by-request')
      const claimed = await store.tasks.claim({ ...CLAIM, requestId: 'request-1', limit: 2 })
      assert.deepEqual(
        claimed.map(({ id, lease }) => ({ id, token: lease.token })),
        ids.slice(0, 2).map((id) => ({ id, token: 1 })),
      )
      assert.equal((await bed.counts()).counts.running, 2)
    })

    it('a settle-and-claim repeated after its reply was lost settles once and leases no task twice', async (bed) => {
      const ids = [await bed.submit(), await bed.submit(), await bed.submit()]
      const first = await bed.claimOne()
      const store = losing(bed, 'settle-and-claim')
      const settlement = { ...leaseRef(first), outcome: 'succeeded', result: null } as const
      const report = await store.tasks.settle({
        namespace: 'default',
        settlements: [settlement],
        claim: { ...CLAIM, limit: 1 },
      })
      assert.equal(only(report.results).status, 'ok')
      assert.equal(only(report.tasks).id, ids[2])
      assert.equal((await bed.find(ids[1] as string)).status, 'running')
    })

    it('a cancel repeated after its reply was lost leaves the task cancelled', async (bed) => {
      const id = await bed.submit()
      const outcome = only(await losing(bed, 'cancel').tasks.cancel({ namespace: 'default', taskIds: [id] }))
      assert.deepEqual(outcome, { kind: 'ended', status: 'cancelled' })
    })

    it('a retry repeated after its reply was lost makes the task ready once', async (bed) => {
      const id = await bed.submit()
      await bed.cancel(id)
      await losing(bed, 'retry').tasks.retry({ namespace: 'default', taskIds: [id] })
      assert.equal((await bed.events(id)).filter(({ kind }) => kind === 'retried').length, 1)
      assert.equal((await bed.claim()).length, 1)
    })

    it('a sweep repeated after its reply was lost ends no lease twice', async (bed) => {
      const task = await bed.start({}, { leaseMs: 1_000 })
      await bed.clock.advance(1_000)
      await losing(bed, 'sweep').upkeep.sweep(SWEEP)
      assert.equal((await bed.find(task.id)).crashes, 1)
    })

    it('ended leases repeated after a lost reply count as one crash', async (bed) => {
      const task = await bed.start({}, { worker: SESSION_WORKER })
      await losing(bed, 'endLeases').presence.endLeases({ workers: workersOf('worker-1') })
      assert.equal((await bed.find(task.id)).crashes, 1)
    })

    it('an extension repeated after its reply was lost goes on from the repetition', async (bed) => {
      const task = await bed.start({}, { leaseMs: 1_000 })
      const store = losing(bed, 'extend')
      assert.deepEqual(await store.tasks.extend({ namespace: 'default', leases: [leaseRef(task)], leaseMs: 5_000 }), [
        'ok',
      ])
      await bed.clock.advance(4_999)
      assert.deepEqual((await bed.sweep()).ended, [])
      await bed.clock.advance(1)
      assert.equal(only((await bed.sweep()).ended).taskId, task.id)
    })

    it('progress repeated after its reply was lost is there, and the task runs on', async (bed) => {
      const task = await bed.start()
      const entry = { ...leaseRef(task), progress: '5' as JsonText, log: 'line' }
      assert.deepEqual(await losing(bed, 'record').tasks.record({ namespace: 'default', entries: [entry] }), ['ok'])
      const { progress, status } = await bed.find(task.id)
      assert.deepEqual({ progress, status }, { progress: '5', status: 'running' })
      assert.ok((await bed.events(task.id)).some(({ kind }) => kind === 'log'))
    })

    it('a pause repeated after its reply was lost holds, and so does its end', async (bed) => {
      const id = await bed.submit()
      const pause = { namespace: 'default', queue: 'default', paused: true }
      await losing(bed, 'pause').queues.pause(pause)
      assert.deepEqual(await bed.claim(), [])
      await losing(bed, 'pause').queues.pause({ ...pause, paused: false })
      assert.equal((await bed.claimOne()).id, id)
    })

    it('a beat repeated after its reply was lost holds as long as one', async (bed) => {
      const worker = { workerId: 'embedded', nodeId: 'node-1', session: false }
      await bed.start({}, { worker })
      await losing(bed, 'beat').presence.beat({ nodeId: 'node-1', workers: [], ttlMs: 5_000 })
      assert.equal(only(await bed.store.presence.holders({ namespace: null })).alive, true)
      await bed.clock.advance(5_000)
      assert.equal(only(await bed.store.presence.holders({ namespace: null })).alive, false)
    })

    it('a refused call has changed nothing', async (bed) => {
      const task = bed.newTask()
      const store = withFaults(bed.store, faultOnce({ enqueue: 'refuse' }))
      const call = { submissions: [{ tasks: [task] }], queueDepth: 10 }
      await assert.rejects(store.tasks.enqueue(call), (error) => error instanceof TaskyardError && error.definite)
      assert.deepEqual(await bed.store.reads.find({ namespace: 'default', taskIds: [task.id] }), [null])
    })
  })
}

type Losable = keyof Parameters<typeof faultOnce>[0]

function losing(bed: TestBed, operation: Losable) {
  return retrying(withFaults(bed.store, faultOnce({ [operation]: 'lose-reply' })))
}
