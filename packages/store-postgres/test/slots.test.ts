import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { JsonText } from '@taskyard/core'
import { firstIdAt } from '../src/id-times.ts'
import { proveOutside } from '../src/operations/slot-proof.ts'
import { stepRewrite } from '../src/operations/slot-rewrite.ts'
import { EVERYTHING, SWEEP } from './calls.ts'
import { DAY, FAILED, type SlotScene, slotScene, unlessLocked } from './slot-scene.ts'

describe('slots of time', () => {
  let scene: SlotScene
  before(async () => {
    scene = await slotScene()
  })
  after(() => scene.close())

  const partitionOf = async (id: string) => {
    const [row] = await scene.context.database.run<[string]>('SELECT tableoid::regclass FROM @tasks WHERE id = $1', [
      id,
    ])
    return row?.[0]?.split('.').at(-1)
  }
  const tablesOf = (slot: number) =>
    scene.context.database.run(
      `SELECT 1 FROM pg_class WHERE relname = 'tasks_s${slot}' AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = '@slots'::regclass)`,
    )
  it('are made ahead of time by sweeps', async () => {
    const early = await scene.submit()
    assert.equal(await partitionOf(early), 'tasks_kept')
    while ((await scene.slots()).length === 0) await scene.store.upkeep.sweep(SWEEP)
    const [slot] = await scene.slots()
    assert.ok(slot !== undefined && slot.fromAt > scene.clock.now())
    await scene.clock.advance(60_000)
    const later = await scene.submit()
    assert.equal(await partitionOf(later), `tasks_s${slot.slot}`)
    await scene.store.tasks.cancel({ namespace: 'default', taskIds: [early, later] })
  })

  it('are rewritten; what must stay is kept and goes on as before', async () => {
    const slot = await scene.beginSlot()
    const before = await scene.counts()
    const done: string[] = []
    for (let n = 0; n < 20; n++) done.push(await scene.succeed({ tags: ['old'] }))
    await scene.submit({ tags: ['old', 'broken'] })
    const failing = await scene.claim()
    await scene.store.tasks.record({
      namespace: 'default',
      entries: [{ taskId: failing.id, token: failing.lease.token, progress: '5' as JsonText, log: 'line' }],
    })
    await scene.settle(failing, FAILED)
    await scene.submit()
    const running = await scene.claim()
    const queued = await scene.submit()
    const scheduled = await scene.submit({ delayMs: 300 * DAY })
    const kept = [failing.id, running.id, queued, scheduled]
    const events = await scene.store.reads.history({ namespace: 'default', taskId: failing.id, after: 0, limit: 100 })
    await scene.clock.advance(8 * DAY)

    assert.equal(await scene.rewrite([slot]), true)
    assert.equal(await scene.finishRewrite(), 20)

    assert.deepEqual(new Set(await scene.statuses(done)), new Set([null]))
    assert.deepEqual(await scene.statuses(kept), ['failed', 'running', 'queued', 'scheduled'])
    assert.deepEqual(
      await scene.store.reads.history({ namespace: 'default', taskId: failing.id, after: 0, limit: 100 }),
      events,
    )
    assert.deepEqual(await scene.counts(), {
      ...before,
      failed: before.failed + 1,
      running: 1,
      queued: 1,
      scheduled: 1,
    })
    for (const tag of ['old', 'broken']) {
      const { items } = await scene.store.reads.list({ ...EVERYTHING, tag })
      assert.deepEqual(
        items.map(({ id }) => id),
        [failing.id],
      )
    }
    assert.equal((await scene.claim()).id, queued)
    await scene.settle(running, { outcome: 'succeeded', result: null })
    assert.deepEqual(await scene.store.tasks.retry({ namespace: 'default', taskIds: [failing.id] }), [
      { kind: 'retried' },
    ])
    assert.deepEqual(await tablesOf(slot.slot), [])
    const [{ slot: target, ...span } = { slot: 0 }] = (await scene.slots()).filter(
      ({ fromAt }) => fromAt === slot.fromAt,
    )
    assert.deepEqual(span, { fromAt: slot.fromAt, toAt: slot.toAt })
    assert.notDeepEqual(await tablesOf(target), [])
  })

  it('that lie side by side become one', async () => {
    const slots = [await scene.beginSlot()]
    const kept = [await scene.fail()]
    slots.push(await scene.beginSlot())
    const over = await scene.succeed()
    kept.push(await scene.submit({ queue: 'left' }))
    await scene.clock.advance(8 * DAY)
    const apart = [slots[1] as (typeof slots)[number], slots[0] as (typeof slots)[number]]
    assert.equal(await scene.rewrite(apart), false, 'in another order')

    assert.equal(await scene.rewrite(slots), true)
    assert.equal(await scene.finishRewrite(), 1)

    assert.deepEqual(await scene.statuses([...kept, over]), ['failed', 'queued', null])
    const [first, last] = [slots[0], slots[1]]
    const one = (await scene.slots()).filter(({ fromAt }) => fromAt >= (first?.fromAt ?? 0))
    assert.deepEqual(
      one.map(({ fromAt, toAt }) => [fromAt, toAt]),
      [[first?.fromAt, last?.toAt]],
    )
    assert.equal(await partitionOf(kept[0] as string), await partitionOf(kept[1] as string))
  })

  it('are dissolved when little is left of them', async () => {
    const slot = await scene.beginSlot()
    const kept = [await scene.fail({ tags: ['little'] }), await scene.submit({ queue: 'little' })]
    await scene.clock.advance(8 * DAY)
    const before = await scene.counts()

    assert.equal(await scene.dissolve(slot), true)

    assert.deepEqual(await tablesOf(slot.slot), [])
    assert.deepEqual(await scene.statuses(kept), ['failed', 'queued'])
    for (const id of kept) assert.equal(await partitionOf(id), 'tasks_kept')
    assert.deepEqual(await scene.counts(), before)
    assert.equal((await scene.store.reads.list({ ...EVERYTHING, tag: 'little' })).items.length, 1)
  })

  it('are not changed while somebody reads them, and nobody waits for that', async () => {
    const slot = await scene.beginSlot()
    const left = await scene.submit({ queue: 'read' })
    await scene.clock.advance(8 * DAY)
    const { database } = scene.context
    await scene.rewrite([slot])
    await database.transaction(async (run) => {
      await run('SELECT count(*) FROM @tasks')
      while ((await stepRewrite(scene.access)) !== null);
      assert.equal(await scene.access.changeLocked(async () => true), null)
      assert.deepEqual(await database.run('SELECT stage FROM @slot_rewrites'), [['swap']])
    })
    await scene.finishRewrite()
    assert.deepEqual(await scene.statuses([left]), ['queued'])
  })

  it('go back to what they were when one has been dropped beside a rewriting', async () => {
    const slot = await scene.beginSlot()
    await scene.clock.advance(8 * DAY)
    await scene.rewrite([slot])
    await scene.context.database.run('DELETE FROM @slots WHERE slot = $1', [slot.slot])
    assert.equal(await scene.finishRewrite(), 0)
    const triggers = await scene.context.database.run(
      `SELECT 1 FROM pg_trigger WHERE tgrelid = '@tasks_s${slot.slot}'::regclass`,
    )
    assert.deepEqual(triggers, [])
  })

  it('are made beside a large rest, and a proof that was left behind refuses no task', async () => {
    const { maintenance } = scene.context
    const now = scene.clock.now()
    await maintenance.run(
      `INSERT INTO @tasks (id, created_at, timeout_seconds, lane, priority, max_attempts, payload)
       SELECT (left('${firstIdAt(now - 900 * DAY)}', 24) || lpad(to_hex(n), 12, '0'))::uuid, ${now}, 3600, 1, 0, 10, '"${'x'.repeat(400)}"'
       FROM generate_series(1, 4000) AS s (n)`,
    )
    const slot = await scene.beginSlot()
    assert.equal(await partitionOf(await scene.submit({ queue: 'rest' })), `tasks_s${slot.slot}`)
    const left = await maintenance.run(
      `SELECT 1 FROM pg_constraint WHERE conname LIKE 'outside%' AND connamespace = (SELECT relnamespace FROM pg_class WHERE oid = '@slots'::regclass)`,
    )
    assert.deepEqual(left, [])

    const next = { fromAt: slot.toAt, toAt: slot.toAt + DAY }
    while (!(await unlessLocked(() => proveOutside(scene.access, 'outside_new', next))));
    await scene.clock.advance(next.fromAt + 1000 - scene.clock.now())
    assert.equal(await partitionOf(await scene.submit({ queue: 'rest' })), 'tasks_kept')
  })

  it('leave nothing behind in the tables of the rewriting', async () => {
    for (const table of ['slot_rewrites', 'slot_changes', 'slot_removals']) {
      assert.deepEqual(await scene.context.database.run(`SELECT 1 FROM @${table}`), [], table)
    }
  })
})
