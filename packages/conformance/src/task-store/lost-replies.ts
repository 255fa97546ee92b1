import assert from 'node:assert/strict'
import { type JsonText, TaskyardError } from '@taskyard/core'
import { retrying } from '../faults/retrying.ts'
import { faultOnce, withFaults } from '../faults/with-faults.ts'
import { CLAIM, leaseRef, only, type Scene, SWEEP, WATCHED, workersOf } from '../scene.ts'
import type { Suite } from '../suite.ts'

export function describeLostReplies({ describe, it }: Suite): void {
  describe('lost replies and refused calls', () => {
    it('a submission repeated after its reply was lost is stored once', async (scene) => {
      const store = losing(scene, 'enqueue')
      const task = scene.newTask()
      const outcome = only(await store.tasks.enqueue({ submissions: [{ tasks: [task] }], queueDepth: 10 }))
      assert.ok(outcome.kind === 'accepted' && only(outcome.tasks).id === task.id)
      assert.equal((await scene.listAll()).length, 1)
    })

    it('a settlement repeated after its reply was lost is accepted once', async (scene) => {
      const task = await scene.start()
      const store = losing(scene, 'settle')
      const settlement = { ...leaseRef(task), outcome: 'succeeded', result: '7' as JsonText } as const
      const { results } = await store.tasks.settle({ namespace: 'default', settlements: [settlement], claim: null })
      const result = only(results)
      assert.ok(result.status === 'ok' && result.taskStatus === 'succeeded')
      assert.equal((await scene.counts(task.queue)).finishedTotal, 1)
    })

    it('tasks of a claim whose reply was lost come back when their leases end, and none is lost', async (scene) => {
      const ids = new Set([await scene.submit(), await scene.submit()])
      const store = losing(scene, 'claim')
      assert.deepEqual(await store.tasks.claim({ ...CLAIM, leaseMs: 5_000 }), [])
      await scene.clock.advance(5_000)
      await scene.sweep()
      const claimed = await store.tasks.claim(CLAIM)
      assert.deepEqual(new Set(claimed.map(({ id }) => id)), ids)
    })

    it('a claim that names itself loses nothing with its reply', async (scene) => {
      const ids = [await scene.submit(), await scene.submit(), await scene.submit()]
      const store = losing(scene, 'claim-by-request')
      const claimed = await store.tasks.claim({ ...CLAIM, requestId: 'request-1', limit: 2 })
      assert.deepEqual(
        claimed.map(({ id, lease }) => ({ id, token: lease.token })),
        ids.slice(0, 2).map((id) => ({ id, token: 1 })),
      )
      assert.equal((await scene.counts()).counts.running, 2)
    })

    it('a settle-and-claim repeated after its reply was lost settles once and leases no task twice', async (scene) => {
      const ids = [await scene.submit(), await scene.submit(), await scene.submit()]
      const first = await scene.claimOne()
      const store = losing(scene, 'settle-and-claim')
      const settlement = { ...leaseRef(first), outcome: 'succeeded', result: null } as const
      const report = await store.tasks.settle({
        namespace: 'default',
        settlements: [settlement],
        claim: { ...CLAIM, limit: 1 },
      })
      assert.equal(only(report.results).status, 'ok')
      assert.equal(only(report.tasks).id, ids[2])
      assert.equal((await scene.find(ids[1] as string)).status, 'running')
    })

    it('a cancel repeated after its reply was lost leaves the task cancelled', async (scene) => {
      const id = await scene.submit()
      const outcome = only(await losing(scene, 'cancel').tasks.cancel({ namespace: 'default', taskIds: [id] }))
      assert.deepEqual(outcome, { kind: 'ended', status: 'cancelled' })
    })

    it('a retry repeated after its reply was lost makes the task ready once', async (scene) => {
      const id = await scene.submit()
      await scene.cancel(id)
      await losing(scene, 'retry').tasks.retry({ namespace: 'default', taskIds: [id] })
      assert.equal((await scene.events(id)).filter(({ kind }) => kind === 'retried').length, 1)
      assert.equal((await scene.claim()).length, 1)
    })

    it('a sweep repeated after its reply was lost ends no lease twice', async (scene) => {
      const task = await scene.start({}, { leaseMs: 1_000 })
      await scene.clock.advance(1_000)
      await losing(scene, 'sweep').upkeep.sweep(SWEEP)
      assert.equal((await scene.find(task.id)).crashes, 1)
    })

    it('ended leases repeated after a lost reply count as one crash', async (scene) => {
      const task = await scene.start({}, { worker: WATCHED })
      await losing(scene, 'endLeases').presence.endLeases({ workers: workersOf('worker-1') })
      assert.equal((await scene.find(task.id)).crashes, 1)
    })

    it('an extension repeated after its reply was lost goes on from the repetition', async (scene) => {
      const task = await scene.start({}, { leaseMs: 1_000 })
      const store = losing(scene, 'extend')
      assert.deepEqual(await store.tasks.extend({ namespace: 'default', leases: [leaseRef(task)], leaseMs: 5_000 }), [
        'ok',
      ])
      await scene.clock.advance(4_999)
      assert.deepEqual((await scene.sweep()).ended, [])
      await scene.clock.advance(1)
      assert.equal(only((await scene.sweep()).ended).taskId, task.id)
    })

    it('progress repeated after its reply was lost is there, and the task runs on', async (scene) => {
      const task = await scene.start()
      const entry = { ...leaseRef(task), progress: '5' as JsonText, log: 'line' }
      assert.deepEqual(await losing(scene, 'record').tasks.record({ namespace: 'default', entries: [entry] }), ['ok'])
      const { progress, status } = await scene.find(task.id)
      assert.deepEqual({ progress, status }, { progress: '5', status: 'running' })
      assert.ok((await scene.events(task.id)).some(({ kind }) => kind === 'log'))
    })

    it('a pause repeated after its reply was lost holds, and so does its end', async (scene) => {
      const id = await scene.submit()
      const pause = { namespace: 'default', queue: 'default', paused: true }
      await losing(scene, 'pause').queues.pause(pause)
      assert.deepEqual(await scene.claim(), [])
      await losing(scene, 'pause').queues.pause({ ...pause, paused: false })
      assert.equal((await scene.claimOne()).id, id)
    })

    it('a beat repeated after its reply was lost holds as long as one', async (scene) => {
      const worker = { workerId: 'embedded', nodeId: 'node-1', session: false }
      await scene.start({}, { worker })
      await losing(scene, 'beat').presence.beat({ nodeId: 'node-1', workers: [], ttlMs: 5_000 })
      assert.equal(only(await scene.store.presence.holders()).alive, true)
      await scene.clock.advance(5_000)
      assert.equal(only(await scene.store.presence.holders()).alive, false)
    })

    it('a refused call has changed nothing', async (scene) => {
      const task = scene.newTask()
      const store = withFaults(scene.store, faultOnce({ enqueue: 'refuse' }))
      const call = { submissions: [{ tasks: [task] }], queueDepth: 10 }
      await assert.rejects(store.tasks.enqueue(call), (error) => error instanceof TaskyardError && error.definite)
      assert.deepEqual(await scene.store.reads.find({ namespace: 'default', taskIds: [task.id] }), [null])
    })
  })
}

type Losable = keyof Parameters<typeof faultOnce>[0]

function losing(scene: Scene, operation: Losable) {
  return retrying(withFaults(scene.store, faultOnce({ [operation]: 'lose-reply' })))
}
