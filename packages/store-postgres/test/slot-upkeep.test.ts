import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { removeFinished, SMALL_SLOT_BYTES } from '../src/operations/retention.ts'
import { createRowScans } from '../src/operations/row-scans.ts'
import { stepRewrite } from '../src/operations/slot-rewrite.ts'
import type { Slot } from '../src/operations/slot-tables.ts'
import { createSlotUpkeep, type SlotUpkeep } from '../src/operations/slot-upkeep.ts'
import type { StoreContext } from '../src/store-context.ts'
import { RETENTION } from './calls.ts'
import { DAY, type SlotScene, slotScene, unlessLocked } from './slot-scene.ts'

const WAITING = 600

describe('the upkeep of old slots', () => {
  let scene: SlotScene
  before(async () => {
    scene = await slotScene()
  })
  after(() => scene.close())

  let later = 0
  const nowMs = () => performance.now() + later
  /** Somebody else, such as autovacuum, may use the tables: then again after the pause. */
  const runAll = async (upkeep: SlotUpkeep) => {
    while (!(await upkeep.run(RETENTION))) later += 60_000
  }
  const kept = async () => {
    const queues = await scene.store.reads.counts({ namespace: 'default', queue: null })
    return queues.reduce((sum, { counts }) => sum + counts.succeeded + counts.failed + counts.cancelled, 0)
  }

  it('removes slots that are over, and leaves those of which most must stay to be cleaned row by row', async () => {
    const over = await scene.beginSlot()
    for (let n = 0; n < 5; n++) await scene.succeed()
    const failed = await scene.fail()
    const full = await scene.beginSlot()
    await scene.succeed()
    await scene.submitMany(WAITING, { queue: 'paused' })
    const latest = await scene.beginSlot()
    await scene.succeed()
    await scene.clock.advance(latest.fromAt + 7 * DAY - scene.clock.now())
    // None is small.
    const upkeep = createSlotUpkeep(scene.context, scene.access, 'process-1', nowMs, 1)

    await runAll(upkeep)

    assert.equal(upkeep.takeRemoved(), 5)
    assert.equal(upkeep.takeRemoved(), 0)
    const left = (await scene.slots()).map(({ slot }) => slot)
    assert.deepEqual(left, [full.slot, latest.slot], 'what little was left of the first has moved on')
    assert.deepEqual(
      [over, full, latest].map(({ slot }) => upkeep.isTooFull(slot)),
      [false, true, false],
    )
    const removal = await removeFinished(
      scene.context,
      createRowScans(() => 0),
      upkeep,
      RETENTION,
      1000,
      0,
    )
    assert.deepEqual(removal, { removed: 1, isBehind: false })
    assert.equal((await scene.store.reads.find({ namespace: 'default', taskIds: [failed] }))[0]?.status, 'failed')
    assert.equal(await kept(), 2)
  })

  it('makes one of many that must stay', async () => {
    const slots: Slot[] = []
    for (let n = 0; n < 8; n++) {
      slots.push(await scene.beginSlot())
      await scene.submitMany(WAITING, { queue: 'left' })
    }
    const last = await scene.beginSlot()
    await scene.clock.advance(last.fromAt + 7 * DAY - scene.clock.now())
    const upkeep = createSlotUpkeep(scene.context, scene.access, 'process-1', nowMs, SMALL_SLOT_BYTES)

    await runAll(upkeep)

    const spans = (await scene.slots()).map(({ fromAt, toAt }) => [fromAt, toAt])
    assert.deepEqual(spans.slice(-2), [
      [slots[0]?.fromAt, slots.at(-1)?.toAt],
      [last.fromAt, last.toAt],
    ])
    const [queue] = await scene.store.reads.counts({ namespace: 'default', queue: 'left' })
    assert.equal(queue?.counts.queued, 8 * WAITING)
  })

  it('is done by one process at a time', async () => {
    const slot = await scene.beginSlot()
    await scene.succeed()
    await scene.clock.advance(8 * DAY)
    const other = createSlotUpkeep(scene.context, scene.access, 'process-2', nowMs, 1)
    await runAll(other)
    assert.equal(other.takeRemoved(), 0)
    const mine = createSlotUpkeep(scene.context, scene.access, 'process-1', nowMs, 1)
    await runAll(mine)
    assert.equal(mine.takeRemoved(), 1)
    assert.ok((await scene.slots()).every((one) => one.slot !== slot.slot))
  })
})

it('nothing is removed twice, once row by row and once with its slot', async (t) => {
  const scene = await slotScene()
  t.after(() => scene.close())
  const slot = await scene.beginSlot()
  for (let n = 0; n < 5; n++) await scene.succeed()
  await scene.clock.advance(8 * DAY)
  const { database } = scene.context
  let removed = 0
  const replaceSlot = async () => {
    await scene.rewrite([slot])
    // Up to where the slot is replaced, but its tables are still there.
    while (removed === 0) removed += (await unlessLocked(() => stepRewrite(scene.access)))?.removed ?? 0
  }
  const late: StoreContext = {
    ...scene.context,
    database: {
      ...database,
      async transaction(work) {
        await replaceSlot()
        return database.transaction(work)
      },
    },
  }
  const none = { isTooFull: () => false }
  const removal = await removeFinished(
    late,
    createRowScans(() => 0),
    none,
    RETENTION,
    1000,
    SMALL_SLOT_BYTES,
  )
  assert.deepEqual([removal.removed, removed], [0, 5])
  const [queue] = await scene.store.reads.counts({ namespace: 'default', queue: 'ending-1' })
  assert.equal(queue?.counts.succeeded, 0)
})
