import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { JsonText } from '@taskyard/core'
import { firstIdAt } from '../src/id-times.ts'
import { proveOutside } from '../src/operations/time-slot-proof.ts'
import { stepRewrite } from '../src/operations/time-slot-rewrite.ts'
import { EVERYTHING, SWEEP } from './calls.ts'
import { DAY, FAILED, openTimeSlotTestBed, type TimeSlotTestBed, unlessLocked } from './time-slot-test-bed.ts'

describe('slots of time', () => {
  let bed: TimeSlotTestBed
  before(async () => {
    bed = await openTimeSlotTestBed()
  })
  after(() => bed.close())

  const partitionOf = async (id: string) => {
    const [row] = await bed.context.database.run<[string]>('SELECT tableoid::regclass FROM @tasks WHERE id = $1', [id])
    return row?.[0]?.split('.').at(-1)
  }
  const tablesOf = (slot: number) =>
    bed.context.database.run(
      `SELECT 1 FROM pg_class WHERE relname = 'tasks_s${slot}' AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = '@slots'::regclass)`,
    )
  it('are made ahead of time by sweeps', async () => {
    const early = await bed.submit()
    assert.equal(await partitionOf(early), 'tasks_kept')
    while ((await bed.slots()).length === 0) await bed.store.upkeep.sweep(SWEEP)
    const [slot] = await bed.slots()
    assert.ok(slot !== undefined && slot.fromAt > bed.clock.now())
    await bed.clock.advance(60_000)
    const later = await bed.submit()
    assert.equal(await partitionOf(later), `tasks_s${slot.slot}`)
    await bed.store.tasks.cancel({ namespace: 'default', taskIds: [early, later] })
  })

  it('are rewritten; what must stay is kept and goes on as before', async () => {
    const slot = await bed.beginSlot()
    const before = await bed.counts()
    const done: string[] = []
    for (let n = 0; n < 20; n++) done.push(await bed.succeed({ tags: ['old'] }))
    await bed.submit({ tags: ['old', 'broken'] })
    const failing = await bed.claim()
    await bed.store.tasks.record({
      namespace: 'default',
      entries: [{ taskId: failing.id, token: failing.lease.token, progress: '5' as JsonText, log: 'line' }],
    })
    await bed.settle(failing, FAILED)
    await bed.submit()
    const running = await bed.claim()
    const queued = await bed.submit()
    const scheduled = await bed.submit({ delayMs: 300 * DAY })
    const kept = [failing.id, running.id, queued, scheduled]
    const events = await bed.store.reads.history({ namespace: 'default', taskId: failing.id, after: 0, limit: 100 })
    await bed.clock.advance(8 * DAY)

    assert.equal(await bed.rewrite([slot]), true)
    assert.equal(await bed.finishRewrite(), 20)

    assert.deepEqual(new Set(await bed.statuses(done)), new Set([null]))
    assert.deepEqual(await bed.statuses(kept), ['failed', 'running', 'queued', 'scheduled'])
    assert.deepEqual(
      await bed.store.reads.history({ namespace: 'default', taskId: failing.id, after: 0, limit: 100 }),
      events,
    )
    assert.deepEqual(await bed.counts(), {
      ...before,
      failed: before.failed + 1,
      running: 1,
      queued: 1,
      scheduled: 1,
    })
    for (const tag of ['old', 'broken']) {
      const { items } = await bed.store.reads.list({ ...EVERYTHING, tag })
      assert.deepEqual(
        items.map(({ id }) => id),
        [failing.id],
      )
    }
    assert.equal((await bed.claim()).id, queued)
    await bed.settle(running, { outcome: 'succeeded', result: null })
    assert.deepEqual(await bed.store.tasks.retry({ namespace: 'default', taskIds: [failing.id] }), [
      { kind: 'retried' },
    ])
    assert.deepEqual(await tablesOf(slot.slot), [])
    const [{ slot: target, ...span } = { slot: 0 }] = (await bed.slots()).filter(({ fromAt }) => fromAt === slot.fromAt)
    assert.deepEqual(span, { fromAt: slot.fromAt, toAt: slot.toAt })
    assert.notDeepEqual(await tablesOf(target), [])
  })

  it('that lie side by side become one', async () => {
    const slots = [await bed.beginSlot()]
    const kept = [await bed.fail()]
    slots.push(await bed.beginSlot())
    const over = await bed.succeed()
    kept.push(await bed.submit({ queue: 'left' }))
    await bed.clock.advance(8 * DAY)
    const apart = [slots[1] as (typeof slots)[number], slots[0] as (typeof slots)[number]]
    assert.equal(await bed.rewrite(apart), false, 'in another order')

    assert.equal(await bed.rewrite(slots), true)
    assert.equal(await bed.finishRewrite(), 1)

    assert.deepEqual(await bed.statuses([...kept, over]), ['failed', 'queued', null])
    const [first, last] = [slots[0], slots[1]]
    const one = (await bed.slots()).filter(({ fromAt }) => fromAt >= (first?.fromAt ?? 0))
    assert.deepEqual(
      one.map(({ fromAt, toAt }) => [fromAt, toAt]),
      [[first?.fromAt, last?.toAt]],
    )
    assert.equal(await partitionOf(kept[0] as string), await partitionOf(kept[1] as string))
  })

  it('are dissolved when little is left of them', async () => {
    const slot = await bed.beginSlot()
    const kept = [await bed.fail({ tags: ['little'] }), await bed.submit({ queue: 'little' })]
    await bed.clock.advance(8 * DAY)
    const before = await bed.counts()

    assert.equal(await bed.dissolve(slot), true)

    assert.deepEqual(await tablesOf(slot.slot), [])
    assert.deepEqual(await bed.statuses(kept), ['failed', 'queued'])
    for (const id of kept) assert.equal(await partitionOf(id), 'tasks_kept')
    assert.deepEqual(await bed.counts(), before)
    assert.equal((await bed.store.reads.list({ ...EVERYTHING, tag: 'little' })).items.length, 1)
  })

  it('are not changed while somebody reads them, and nobody waits for that', async () => {
    const slot = await bed.beginSlot()
    const left = await bed.submit({ queue: 'read' })
    await bed.clock.advance(8 * DAY)
    const { database } = bed.context
    await bed.rewrite([slot])
    await database.transaction(async (run) => {
      await run('SELECT count(*) FROM @tasks')
      while ((await stepRewrite(bed.access)) !== null);
      assert.equal(await bed.access.changeLocked(async () => true), null)
      assert.deepEqual(await database.run('SELECT stage FROM @slot_rewrites'), [['swap']])
    })
    await bed.finishRewrite()
    assert.deepEqual(await bed.statuses([left]), ['queued'])
  })

  it('go back to what they were when one has been dropped beside a rewriting', async () => {
    const slot = await bed.beginSlot()
    await bed.clock.advance(8 * DAY)
    await bed.rewrite([slot])
    await bed.context.database.run('DELETE FROM @slots WHERE slot = $1', [slot.slot])
    assert.equal(await bed.finishRewrite(), 0)
    const triggers = await bed.context.database.run(
      `SELECT 1 FROM pg_trigger WHERE tgrelid = '@tasks_s${slot.slot}'::regclass`,
    )
    assert.deepEqual(triggers, [])
  })

  it('are made beside a large rest, and a proof that was left behind refuses no task', async () => {
    const { maintenance } = bed.context
    const now = bed.clock.now()
    await maintenance.run(
      `INSERT INTO @tasks (id, created_at, timeout_seconds, lane, priority, max_attempts, payload)
       SELECT (left('${firstIdAt(now - 900 * DAY)}', 24) || lpad(to_hex(n), 12, '0'))::uuid, ${now}, 3600, 1, 0, 10, '"${'x'.repeat(400)}"'
       FROM generate_series(1, 4000) AS s (n)`,
    )
    const slot = await bed.beginSlot()
    assert.equal(await partitionOf(await bed.submit({ queue: 'rest' })), `tasks_s${slot.slot}`)
    const left = await maintenance.run(
      `SELECT 1 FROM pg_constraint WHERE conname LIKE 'outside%' AND connamespace = (SELECT relnamespace FROM pg_class WHERE oid = '@slots'::regclass)`,
    )
    assert.deepEqual(left, [])

    const next = { fromAt: slot.toAt, toAt: slot.toAt + DAY }
    while (!(await unlessLocked(() => proveOutside(bed.access, 'outside_new', next))));
    await bed.clock.advance(next.fromAt + 1000 - bed.clock.now())
    assert.equal(await partitionOf(await bed.submit({ queue: 'rest' })), 'tasks_kept')
  })

  it('leave nothing behind in the tables of the rewriting', async () => {
    for (const table of ['slot_rewrites', 'slot_changes', 'slot_removals']) {
      assert.deepEqual(await bed.context.database.run(`SELECT 1 FROM @${table}`), [], table)
    }
  })
})
