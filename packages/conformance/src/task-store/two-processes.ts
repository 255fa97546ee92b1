import assert from 'node:assert/strict'
import type { TypeDefaults } from '@taskyard/core'
import { eventually, inRealTime } from '../real-time.ts'
import type { Suite } from '../suite.ts'
import { type Calls, idsOf, leaseRef, only, released, succeeded, type TestBed, workersOf } from '../test-bed.ts'
import { BACK_WITHIN_MS } from '../through-outages.ts'
import { assertSimultaneousClaims } from './simultaneous-claims.ts'

const PAUSE = { namespace: 'default', queue: 'default', paused: true }
const REMOTE = { workerId: 'remote', nodeId: null, session: true }

/** Small beside the queue, so that the processes meet often. */
const CLAIM_SIZE = 15

/** Several processes on one store at the same time. Only for stores that are shared. */
export function describeTwoProcesses(suite: Suite): void {
  const { describe, it, itIn, open, capabilities } = suite
  if (!capabilities.shared) return

  describe('two processes on one store', () => {
    it('claim from one full queue: no task twice, and none is left', async (bed) => {
      const tasks = Array.from({ length: 400 }, (_, n) => bed.newTask({ type: `type-${n % 3}`, priority: n % 5 }))
      await bed.enqueue([tasks])
      const processes = [bed, await bed.openAnother()]
      const claimers = processes.flatMap((process) => [1, 2].map((n) => claimUntilEmpty(process, `worker-${n}`)))
      const claimed = (await Promise.all(claimers)).flat()
      assert.equal(claimed.length, tasks.length)
      assert.deepEqual(new Set(claimed), new Set(idsOf(tasks)))
    })

    it('settle and claim the next from one full queue: each task ends once', async (bed) => {
      await bed.enqueue([Array.from({ length: 300 }, () => bed.newTask())])
      const processes = [bed, await bed.openAnother()]
      const ended = await Promise.all(
        processes.flatMap((process) => [workUntilEmpty(process), workUntilEmpty(process)]),
      )
      assert.equal(
        ended.reduce((one, other) => one + other),
        300,
      )
      const { counts, finishedTotal } = await bed.counts()
      assert.deepEqual([counts.queued, counts.running, counts.succeeded, finishedTotal], [0, 0, 300, 300])
    })

    it('store one task of many concurrent calls with one key', async (bed) => {
      const other = await bed.openAnother()
      const idempotency = { key: 'k', fingerprint: 'a' }
      const calls = Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? bed : other).submit({ idempotency }))
      assert.equal(new Set(await Promise.all(calls)).size, 1)
      assert.equal((await bed.listAll()).length, 1)
    })

    it('fill a queue to its limit together, and not beyond', async (bed) => {
      const other = await bed.openAnother()
      for (const process of [bed, other])
        assert.equal(only(await process.enqueue([[bed.newTask()]], 2)).kind, 'accepted')
      for (const process of [bed, other]) {
        assert.deepEqual(await process.enqueue([[bed.newTask()]], 2), [{ kind: 'queue-full', queue: 'default' }])
      }
      await other.claimOne()
      assert.equal(only(await bed.enqueue([[bed.newTask()]], 2)).kind, 'accepted')
    })

    it('accept one of the settlements that both send for a lease', async (bed) => {
      const other = await bed.openAnother()
      for (let round = 0; round < 10; round++) {
        const task = await bed.start()
        const [one, another] = await Promise.all([
          bed.settle(task, succeeded()),
          other.settle(task, released),
          other.cancel(task.id),
        ])
        assert.deepEqual([one.status, another.status].sort(), ['lost', 'ok'])
      }
    })

    it('give a claim that is repeated at the other one the same leases', async (bed) => {
      const other = await bed.openAnother()
      await bed.enqueue([Array.from({ length: 5 }, () => bed.newTask())])
      const request = { limit: 2, requestId: 'request-1' }
      const first = await bed.claim(request)
      const again = await other.claim(request)
      assert.deepEqual(again.map(leaseRef), first.map(leaseRef))
      for (const task of again) assert.equal((await bed.settle(task, succeeded())).status, 'ok')
      const { queued, running, succeeded: done } = (await bed.counts()).counts
      assert.deepEqual([queued, running, done], [3, 0, 2])
    })

    it('give claims of one name at the same time what one of them may have', async (bed) => {
      await assertSimultaneousClaims([bed, await bed.openAnother()])
    })

    it('bring the schema up to date at the same time', async () => {
      const opened = await open({ clock: inRealTime().clock as never })
      try {
        await Promise.all([
          opened.store.lifecycle.migrate(),
          opened.openAnother?.().then((store) => store.lifecycle.migrate()),
          opened.openAnother?.().then((store) => store.lifecycle.migrate()),
        ])
        assert.deepEqual(await opened.store.reads.find({ namespace: 'default', taskIds: [] }), [])
      } finally {
        await opened.destroy()
      }
    })
  })

  describe('what one process did, another sees at once', () => {
    it('a task, its state and its history', async (bed) => {
      const other = await bed.openAnother()
      const task = await bed.start()
      assert.equal((await other.find(task.id)).status, 'running')
      await other.record(task, { progress: 5, log: 'line' })
      assert.equal(await other.extend(task), 'ok')
      assert.equal((await other.settle(task, succeeded())).status, 'ok')
      assert.equal((await bed.find(task.id)).status, 'succeeded')
      assert.deepEqual(await bed.events(task.id), await other.events(task.id))
      const again = await bed.settle(task, succeeded())
      assert.ok(again.status === 'ok' && again.repeated)
    })

    it('defaults of types, and that they were taken away', async (bed) => {
      const other = await bed.openAnother()
      const declare = ({ store }: Calls, defaults: TypeDefaults | null) =>
        store.taskTypes.declareTypes({ namespace: 'default', types: [{ type: 'a', defaults }], limit: 10 })
      const list = ({ store }: Calls) => store.taskTypes.listTypes({ namespace: 'default' })
      await declare(bed, { maxAttempts: 3 })
      assert.deepEqual(await list(other), [{ type: 'a', defaults: { maxAttempts: 3 } }])
      await declare(other, null)
      assert.deepEqual(await list(bed), [])
    })

    it('a paused queue, and its end', async (bed) => {
      const other = await bed.openAnother()
      await bed.submit()
      await bed.store.queues.pause(PAUSE)
      assert.deepEqual(await other.claim(), [])
      assert.equal((await other.counts()).paused, true)
      await other.store.queues.pause({ ...PAUSE, paused: false })
      assert.equal((await bed.counts()).paused, false)
      assert.equal((await bed.claim()).length, 1)
    })

    it('a cancel, and a retry', async (bed) => {
      const other = await bed.openAnother()
      const task = await bed.start()
      assert.deepEqual(await other.cancel(task.id), { kind: 'requested', workerId: 'worker-1' })
      assert.equal(await bed.extend(task), 'cancel')
      await bed.settle(task, { outcome: 'cancelled' })
      assert.deepEqual(await other.retry(task.id), { kind: 'retried' })
      assert.equal((await bed.claimOne({ queues: [task.queue] })).id, task.id)
    })

    it('the counts of every queue', async (bed) => {
      const other = await bed.openAnother()
      await bed.submit()
      await other.submit({ delayMs: 60_000 })
      await bed.settle(await other.start({ queue: 'b' }), succeeded())
      const read = (calls: Calls) => calls.store.reads.counts({ namespace: 'default', queue: null })
      const byName = async (calls: Calls) => new Map((await read(calls)).map((queue) => [queue.queue, queue]))
      const [mine, theirs] = [await byName(bed), await byName(other)]
      assert.deepEqual(mine, theirs)
      assert.equal(mine.get('default')?.counts.queued, 1)
      assert.equal(mine.get('default')?.counts.scheduled, 1)
      assert.equal(mine.get('b')?.counts.succeeded, 1)
    })

    it('who holds leases, and who lives', async (bed) => {
      const other = await bed.openAnother()
      const task = await bed.start({}, { worker: REMOTE })
      assert.equal(only(await other.store.presence.holders({ namespace: null })).alive, false)
      await bed.store.presence.beat({ nodeId: 'node-1', workers: workersOf('remote'), ttlMs: 5_000 })
      assert.equal(only(await other.store.presence.holders({ namespace: null })).alive, true)
      await bed.clock.advance(5_000)
      assert.equal(only(await other.store.presence.holders({ namespace: null })).alive, false)
      assert.equal(only(await other.store.presence.endLeases({ workers: workersOf('remote') })).taskId, task.id)
      assert.equal(await bed.extend(task), 'lost')
    })

    it('the end of a lease that another process sweeps', async (bed) => {
      const other = await bed.openAnother()
      const task = await bed.start({}, { leaseMs: 1_000 })
      await bed.clock.advance(1_000)
      assert.deepEqual(only((await other.sweep()).ended).taskId, task.id)
      assert.deepEqual((await bed.sweep()).ended, [])
      assert.deepEqual(
        await bed.store.tasks.extend({ namespace: 'default', leases: [leaseRef(task)], leaseMs: 1_000 }),
        ['lost'],
      )
    })
  })

  describe('wake-ups between processes', () => {
    itIn(inRealTime, 'a task that one submits wakes the other', async (bed) => {
      const other = await bed.openAnother()
      const heard = listen(other)
      await eventually('the other process hears of a submission', BACK_WITHIN_MS, async () => {
        await bed.submit({ queue: 'news' })
        return heard.has('news')
      })
    })

    itIn(inRealTime, 'a queue that one resumes wakes the other', async (bed) => {
      const other = await bed.openAnother()
      const heard = listen(other)
      await eventually('the other process hears of a submission', BACK_WITHIN_MS, async () => {
        await bed.submit()
        return heard.has('default')
      })
      await bed.store.queues.pause(PAUSE)
      await eventually('the other process hears of the end of a pause', BACK_WITHIN_MS, async () => {
        heard.clear() // Of the submissions.
        await bed.store.queues.pause({ ...PAUSE, paused: false })
        await eventually('news', 1_000, () => heard.has('default')).finally(() => bed.store.queues.pause(PAUSE))
        return true
      })
    })
  })
}

async function claimUntilEmpty(calls: Calls, workerId: string): Promise<readonly string[]> {
  const ids: string[] = []
  for (;;) {
    const tasks = await calls.claim({ limit: CLAIM_SIZE, worker: { workerId, nodeId: null, session: false } })
    if (tasks.length === 0) return ids
    ids.push(...idsOf(tasks))
  }
}

async function workUntilEmpty(calls: Calls): Promise<number> {
  let ended = 0
  let tasks = await calls.claim({ limit: CLAIM_SIZE })
  while (tasks.length > 0) {
    const settlements = tasks.map((task) => ({ ...leaseRef(task), outcome: 'succeeded', result: null }) as const)
    const claim = {
      namespace: 'default',
      queues: ['default'],
      types: null,
      limit: CLAIM_SIZE,
      leaseMs: 30_000,
      worker: REMOTE,
      requestId: null,
    }
    const report = await calls.store.tasks.settle({ namespace: 'default', settlements, claim })
    ended += report.results.filter(({ status }) => status === 'ok').length
    tasks = report.tasks
  }
  return ended
}

/** The queues that a process has been told of. */
export function listen(calls: Pick<TestBed, 'store'>): Set<string> {
  const queues = new Set<string>()
  calls.store.wakeUps.subscribe((lanes) => {
    for (const { queue } of lanes) queues.add(queue)
  })
  return queues
}
