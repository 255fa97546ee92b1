import assert from 'node:assert/strict'
import { isTerminal, type Settlement } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { cancelled, failed, idsOf, leaseRef, type Outcome, released, succeeded, type TestBed } from '../test-bed.ts'

/** Concurrent calls in one process. */
export function describeConcurrency({ describe, it }: Suite): void {
  describe('concurrency', () => {
    it('never hands out a task twice', async (bed) => {
      const tasks = Array.from({ length: 300 }, (_, n) => bed.newTask({ type: `type-${n % 3}`, priority: n % 5 }))
      await bed.enqueue(tasks.map((task) => [task]))
      const claims = Array.from({ length: 40 }, (_, n) =>
        bed.claim({ limit: 10, worker: { workerId: `worker-${n}`, nodeId: null, session: false } }),
      )
      const claimed = (await Promise.all(claims)).flat()
      assert.equal(claimed.length, 300)
      assert.deepEqual(new Set(idsOf(claimed)), new Set(idsOf(tasks)))
    })

    it('loses nothing of many concurrent submissions', async (bed) => {
      const tasks = Array.from({ length: 200 }, () => bed.newTask())
      await Promise.all(tasks.map((task) => bed.enqueue([[task]])))
      assert.deepEqual(new Set(idsOf(await bed.listAll())), new Set(idsOf(tasks)))
      assert.equal((await bed.counts()).counts.queued, 200)
    })

    it('takes many submissions with keys at once, as its first calls', async (bed) => {
      const tasks = Array.from({ length: 40 }, (_, n) =>
        bed.newTask({ idempotency: { key: `key-${n}`, fingerprint: 'a' } }),
      )
      await Promise.all(tasks.map((task) => bed.enqueue([[task]])))
      assert.deepEqual(new Set(idsOf(await bed.listAll())), new Set(idsOf(tasks)))
    })

    it('hands out tasks while they are being submitted, each once', async (bed) => {
      const tasks = Array.from({ length: 100 }, () => bed.newTask())
      const submits = tasks.map((task) => bed.enqueue([[task]]))
      const claimed = (await Promise.all(Array.from({ length: 30 }, () => bed.claim({ limit: 5 })))).flat()
      await Promise.all(submits)
      const rest = await bed.claim({ limit: 200 })
      assert.deepEqual([...idsOf(claimed), ...idsOf(rest)].sort(), [...idsOf(tasks)].sort())
    })

    it('accepts one of many concurrent settlements of a lease', async (bed) => {
      const task = await bed.start()
      const outcomes: readonly Outcome[] = [succeeded(), failed({ retryable: false }), cancelled, released, succeeded()]
      await Promise.all(outcomes.map((outcome) => bed.settle(task, outcome)))
      const settlements = (await bed.events(task.id)).filter(({ kind }) => kind !== 'submitted' && kind !== 'started')
      assert.equal(settlements.length, 1)
    })

    it('ends no lease that is granted more time meanwhile', async (bed) => {
      for (let round = 0; round < 20; round++) {
        const tasks = await Promise.all(Array.from({ length: 5 }, () => bed.start({}, { leaseMs: 1_000 })))
        await bed.clock.advance(1_000)
        let sweep = round % 2 === 0 ? bed.sweep() : null
        const extend = Promise.all(tasks.map((task) => bed.extend(task, 60_000)))
        sweep ??= bed.sweep()
        const [statuses] = await Promise.all([extend, sweep])
        for (const [index, task] of tasks.entries()) {
          const { status } = await bed.find(task.id)
          assert.equal(statuses[index], status === 'running' ? 'ok' : 'lost', `the task is ${status}`)
        }
      }
    })

    it('cancels every task that it is asked to while workers keep claiming and failing them', async (bed) => {
      const tasks = Array.from({ length: 100 }, () => bed.newTask({ maxAttempts: 1_000 }))
      await bed.enqueue(tasks.map((task) => [task]))
      const workers = Array.from({ length: 3 }, (_, n) => failUntilNothingIsLeft(bed, `worker-${n}`))
      const outcomes = await bed.store.tasks.cancel({ namespace: 'default', taskIds: idsOf(tasks) })
      assert.deepEqual(
        outcomes.filter(({ kind }) => kind !== 'cancelled' && kind !== 'requested'),
        [],
      )
      await Promise.all(workers)
      assert.deepEqual(new Set((await bed.listAll()).map(({ status }) => status)), new Set(['cancelled']))
    })

    it('extends the leases that hold while others of the same call are being settled', async (bed) => {
      const tasks = Array.from({ length: 60 }, () => bed.newTask())
      await bed.enqueue(tasks.map((task) => [task]))
      const leased = await bed.claim({ limit: 60 })
      const [kept, ending] = [leased.slice(0, 30), leased.slice(30)]
      const settle = async () => {
        for (const task of ending) await bed.settle(task, succeeded())
      }
      const beats = Array.from({ length: 4 }, () =>
        bed.store.tasks.extend({ namespace: 'default', leases: leased.map(leaseRef), leaseMs: 60_000 }),
      )
      await settle()
      for (const statuses of await Promise.all(beats)) {
        assert.deepEqual(new Set(statuses.slice(0, kept.length)), new Set(['ok']))
      }
      const after = await bed.store.tasks.extend({
        namespace: 'default',
        leases: leased.map(leaseRef),
        leaseMs: 60_000,
      })
      assert.deepEqual(after, [...kept.map(() => 'ok'), ...ending.map(() => 'lost')])
    })

    for (const first of RACERS.keys()) {
      it(`lets cancel, completion and timeout end in one terminal state (start ${first})`, async (bed) => {
        for (let round = 0; round < 5; round++) await race(bed, [...RACERS.slice(first), ...RACERS.slice(0, first)])
      })
    }
  })
}

/** Takes tasks and fails them, to be retried at once, until all have ended. */
async function failUntilNothingIsLeft(bed: TestBed, workerId: string): Promise<void> {
  for (;;) {
    const tasks = await bed.claim({ limit: 10, worker: { workerId, nodeId: null, session: false } })
    const outcome = failed({ retryDelayMs: 0 })
    const settlements = tasks.map((task) => ({ ...leaseRef(task), ...outcome }) as Settlement)
    await bed.store.tasks.settle({ namespace: 'default', settlements, claim: null })
    const { queued, scheduled, running } = (await bed.counts()).counts
    if (queued + scheduled + running === 0) return
  }
}

type Racer = (bed: TestBed, task: Awaited<ReturnType<TestBed['start']>>) => Promise<unknown>

const RACERS: readonly Racer[] = [
  (bed, task) => bed.settle(task, succeeded()),
  (bed, task) => bed.cancel(task.id),
  (bed) => bed.sweep(),
  (bed, task) => bed.settle(task, failed({ retryable: false })),
]

/** Everything at once on a task whose deadline has passed; then its worker's grace runs out. */
async function race(bed: TestBed, racers: readonly Racer[]): Promise<void> {
  const task = await bed.start({ timeoutSeconds: 1, maxAttempts: 1 }, { leaseMs: 60_000 })
  await bed.clock.advance(1_000)
  await Promise.all(racers.map((racer) => racer(bed, task)))
  await bed.clock.advance(60_000)
  await bed.sweep()
  const ended = await bed.find(task.id)
  assert.ok(isTerminal(ended.status), ended.status)
  const endings = (await bed.events(task.id)).filter(({ kind }) => isTerminal(kind as typeof ended.status))
  assert.deepEqual(
    endings.map(({ kind }) => kind),
    [ended.status],
  )
  const { counts, finishedTotal } = await bed.counts(task.queue)
  assert.deepEqual([counts.running, counts[ended.status], finishedTotal], [0, 1, 1])
}
