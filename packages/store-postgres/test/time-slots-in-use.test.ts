import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { LeasedTask, Settlement } from '@taskyard/core'
import type { Run } from '../src/database.ts'
import { stepRewrite } from '../src/operations/time-slot-rewrite.ts'
import type { TimeSlot } from '../src/operations/time-slot-tables.ts'
import { EVERYTHING } from './calls.ts'
import { DAY, FAILED, LONG_CLAIM, openTimeSlotTestBed, type TimeSlotTestBed } from './time-slot-test-bed.ts'

test('slots are rewritten beside claims, settlements, cancels, retries and removals of their tasks', async (t) => {
  const bed = await openTimeSlotTestBed()
  t.after(() => bed.close())
  const slot = await bed.beginSlot()
  const tasks = await tasksOfAllStates(bed, 40)
  await bed.clock.advance(8 * DAY)
  const { expected } = tasks
  const calls = callsOn(bed, tasks)
  const stages = new Set<string>()
  await bed.rewrite([slot])
  const removed = await bed.finishRewrite(async (stage) => {
    stages.add(stage)
    for (const call of Object.values(calls)) {
      // Once the copy has taken the slot's place, what is over is gone.
      if (stage === 'drop' && (call === calls.retryCancelled || call === calls.deleteCancelled)) continue
      await call()
    }
  })

  assert.deepEqual([...stages], ['count', 'copy-waiting', 'copy-finished', 'prove', 'swap', 'drop'])
  const ids = [...expected.keys()]
  assert.deepEqual(await bed.statuses(ids), [...expected.values()])
  const having = (status: string | null) => [...expected.values()].filter((one) => one === status).length
  assert.equal(removed, having(null) - tasks.deleted.size)
  const counts = await bed.counts()
  for (const status of ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const) {
    assert.equal(counts[status], having(status), status)
  }
  const { items } = await bed.store.reads.list({ ...EVERYTHING, tag: 'mixed' })
  const tagged = ids.filter((id) => expected.get(id) !== null && !tasks.done.includes(id))
  assert.deepEqual(new Set(items.map(({ id }) => id)), new Set(tagged))
})

interface Tasks {
  readonly waiting: readonly string[]
  readonly failed: string[]
  readonly cancelled: string[]
  readonly done: readonly string[]
  readonly leases: LeasedTask[]
  /** What becomes of each when the slot is old; `null`: it is removed. */
  readonly expected: Map<string, string | null>
  readonly deleted: Set<string>
}

async function tasksOfAllStates(bed: TimeSlotTestBed, count: number): Promise<Tasks> {
  const [waiting, running, failed, cancelled, done]: string[][] = [[], [], [], [], []] as const
  for (let n = 0; n < count; n++) {
    done.push(await bed.succeed())
    failed.push(await bed.fail({ tags: ['mixed'] }))
    cancelled.push(await bed.submit({ queue: 'to-cancel', tags: ['mixed'] }))
    waiting.push(await bed.submit({ queue: 'waiting', tags: ['mixed'] }))
    running.push(await bed.submit({ queue: 'running', tags: ['mixed'] }))
  }
  await bed.store.tasks.cancel({ namespace: 'default', taskIds: cancelled })
  const leases: LeasedTask[] = []
  for (let n = 0; n < count; n++) leases.push(await bed.claim({ queues: ['running'] }))
  const expected = new Map<string, string | null>()
  for (const id of [...done, ...cancelled]) expected.set(id, null)
  for (const id of failed) expected.set(id, 'failed')
  for (const id of waiting) expected.set(id, 'queued')
  for (const id of running) expected.set(id, 'running')
  return { waiting, failed, cancelled, done, leases, expected, deleted: new Set() }
}

/** Each changes one task, and what is expected of it. */
function callsOn(bed: TimeSlotTestBed, { waiting, failed, cancelled, leases, expected, deleted }: Tasks) {
  const settleOne = async (outcome: object, status: string) => {
    const lease = leases.pop()
    assert.ok(lease)
    await bed.settle(lease, outcome)
    expected.set(lease.id, status)
  }
  const retryOne = async (ids: string[]) => {
    const id = ids.pop() as string
    assert.deepEqual(await bed.store.tasks.retry({ namespace: 'default', taskIds: [id] }), [{ kind: 'retried' }])
    expected.set(id, 'queued')
  }
  const deleteOne = async (ids: string[]) => {
    const id = ids.pop() as string
    assert.deepEqual(await bed.store.tasks.delete({ namespace: 'default', taskIds: [id] }), [{ kind: 'deleted' }])
    expected.set(id, null)
    deleted.add(id)
  }
  return {
    claim: async () => expected.set((await bed.claim({ queues: ['waiting'] })).id, 'running'),
    cancel: async () => {
      const id = waiting.findLast((id) => expected.get(id) === 'queued') as string
      await bed.store.tasks.cancel({ namespace: 'default', taskIds: [id] })
      expected.set(id, 'cancelled')
    },
    release: () => settleOne({ outcome: 'released' }, 'queued'),
    succeed: () => settleOne({ outcome: 'succeeded', result: '1' }, 'succeeded'),
    retryFailed: () => retryOne(failed),
    /** What was counted as over is not any more. */
    retryCancelled: () => retryOne(cancelled),
    deleteFailed: () => deleteOne(failed),
    deleteCancelled: () => deleteOne(cancelled),
  }
}

test('a task that is deleted while its slot is copied, between its end and itself, leaves nothing behind', async (t) => {
  const bed = await openTimeSlotTestBed()
  t.after(() => bed.close())
  const { maintenance } = bed.context
  const slot = await bed.beginSlot()
  const [kept, gone] = [await bed.fail({ tags: ['kept'] }), await bed.fail({ tags: ['gone'] })]
  await bed.clock.advance(8 * DAY)
  await bed.rewrite([slot])
  let isDeleted = false
  await bed.finishRewrite(async (stage) => {
    if (stage !== 'copy-finished' || isDeleted) return
    isDeleted = true
    const [row] = await maintenance.run<[string]>('SELECT target FROM @slot_rewrites')
    await maintenance.transaction(async (run) => {
      await run(`LOCK TABLE @tasks_s${row?.[0]} IN SHARE MODE`)
      const step = stepRewrite(bed.access)
      step.catch(() => {})
      // It has copied how the task has ended, and waits for the lock with the task itself.
      while (!(await hasWaiting(run))) await setImmediate()
      await bed.store.tasks.delete({ namespace: 'default', taskIds: [gone] })
    })
  })
  assert.ok(isDeleted)
  assert.deepEqual(await bed.statuses([kept, gone]), ['failed', null])
  assert.deepEqual((await bed.counts()).failed, 1)
  const rows = await bed.context.database.run<[string]>('SELECT id FROM @finished')
  assert.deepEqual(rows, [[kept]])
})

async function hasWaiting(run: Run): Promise<boolean> {
  const rows = await run(
    `SELECT 1 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
     WHERE NOT l.granted AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = '@slots'::regclass)`,
  )
  return rows.length > 0
}

test('slots are rewritten, merged and dissolved beside a busy queue, and nothing is lost or counted twice', async (t) => {
  const bed = await openTimeSlotTestBed()
  t.after(() => bed.close())
  const { store, clock } = bed
  const slots: TimeSlot[] = []
  const known: string[] = []
  for (let n = 0; n < 3; n++) {
    slots.push(await bed.beginSlot())
    for (let task = 0; task < 20; task++) {
      known.push(await bed.submit({ queue: 'busy', tags: ['busy'] }))
      await bed.succeed()
    }
    for (let task = 0; task < 5; task++) known.push(await bed.fail({ tags: ['busy'] }))
  }
  await clock.advance(8 * DAY)
  let isBusy = true
  const during = async (work: () => Promise<unknown>) => {
    while (isBusy) await work()
  }
  const some = (n: number) => known.filter((_, i) => i % 7 === n % 7)
  let round = 0
  const claimAndSettle = async () => {
    const leased = await store.tasks.claim({ ...LONG_CLAIM, queues: ['busy'], limit: 5 })
    const outcomes = [{ outcome: 'succeeded', result: '1' }, { outcome: 'released' }, FAILED]
    const settlements = leased.map(({ id, lease }, n) => ({ taskId: id, token: lease.token, ...outcomes[n % 3] }))
    await store.tasks.settle({ namespace: 'default', settlements: settlements as Settlement[], claim: null })
  }
  const load = [
    during(claimAndSettle),
    during(claimAndSettle),
    during(() => store.tasks.cancel({ namespace: 'default', taskIds: some(++round) })),
    during(() => store.tasks.retry({ namespace: 'default', taskIds: some(++round) })),
    during(() => store.reads.list({ ...EVERYTHING, tag: 'busy' })),
  ]
  await bed.rewrite(slots.slice(0, 1))
  let removed = await bed.finishRewrite()
  await bed.rewrite((await bed.slots()).slice(0, 2))
  removed += await bed.finishRewrite()
  for (const slot of await bed.slots()) await bed.dissolve(slot)
  isBusy = false
  await Promise.all(load)

  assert.equal(removed, 40)
  const found = await store.reads.find({ namespace: 'default', taskIds: known })
  assert.ok(found.every((task) => task !== null))
  const queues = await store.reads.counts({ namespace: 'default', queue: null })
  for (const status of ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const) {
    const counted = queues.reduce((sum, { counts }) => sum + counts[status], 0)
    const there: number = found.filter((task) => task?.status === status).length + (status === 'succeeded' ? 20 : 0)
    assert.equal(counted, there, status)
  }
  const { items } = await store.reads.list({ ...EVERYTHING, tag: 'busy' })
  assert.equal(items.length, known.length)
})
