import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { removeFinished, SMALL_SLOT_BYTES } from '../src/operations/retention.ts'
import { createRowScans } from '../src/operations/row-scans.ts'
import { stepRewrite } from '../src/operations/time-slot-rewrite.ts'
import type { TimeSlot } from '../src/operations/time-slot-tables.ts'
import { createTimeSlotUpkeep, type TimeSlotUpkeep } from '../src/operations/time-slot-upkeep.ts'
import type { StoreContext } from '../src/store-context.ts'
import { RETENTION } from './calls.ts'
import { DAY, openTimeSlotTestBed, type TimeSlotTestBed, unlessLocked } from './time-slot-test-bed.ts'

const WAITING = 600

describe('the upkeep of old slots', () => {
  let bed: TimeSlotTestBed
  before(async () => {
    bed = await openTimeSlotTestBed()
  })
  after(() => bed.close())

  let later = 0
  const nowMs = () => performance.now() + later
  /** Somebody else, such as autovacuum, may use the tables: then again after the pause. */
  const runAll = async (upkeep: TimeSlotUpkeep) => {
    while (!(await upkeep.run(RETENTION))) later += 60_000
  }
  const kept = async () => {
    const queues = await bed.store.reads.counts({ namespace: 'default', queue: null })
    return queues.reduce((sum, { counts }) => sum + counts.succeeded + counts.failed + counts.cancelled, 0)
  }

  it('removes slots that are over, and leaves those of which most must stay to be cleaned row by row', async () => {
    const over = await bed.beginSlot()
    for (let n = 0; n < 5; n++) await bed.succeed()
    const failed = await bed.fail()
    const full = await bed.beginSlot()
    await bed.succeed()
    await bed.submitMany(WAITING, { queue: 'paused' })
    const latest = await bed.beginSlot()
    await bed.succeed()
    await bed.clock.advance(latest.fromAt + 7 * DAY - bed.clock.now())
    // None is small.
    const upkeep = createTimeSlotUpkeep(bed.context, bed.access, 'process-1', nowMs, 1)

    await runAll(upkeep)

    assert.equal(upkeep.takeRemoved(), 5)
    assert.equal(upkeep.takeRemoved(), 0)
    const left = (await bed.slots()).map(({ slot }) => slot)
    assert.deepEqual(left, [full.slot, latest.slot], 'what little was left of the first has moved on')
    assert.deepEqual(
      [over, full, latest].map(({ slot }) => upkeep.isTooFull(slot)),
      [false, true, false],
    )
    const removal = await removeFinished(
      bed.context,
      createRowScans(() => 0),
      upkeep,
      RETENTION,
      1000,
      0,
    )
    assert.deepEqual(removal, { removed: 1, isBehind: false })
    assert.equal((await bed.store.reads.find({ namespace: 'default', taskIds: [failed] }))[0]?.status, 'failed')
    assert.equal(await kept(), 2)
  })

  it('makes one of many that must stay', async () => {
    const slots: TimeSlot[] = []
    for (let n = 0; n < 8; n++) {
      slots.push(await bed.beginSlot())
      await bed.submitMany(WAITING, { queue: 'left' })
    }
    const last = await bed.beginSlot()
    await bed.clock.advance(last.fromAt + 7 * DAY - bed.clock.now())
    const upkeep = createTimeSlotUpkeep(bed.context, bed.access, 'process-1', nowMs, SMALL_SLOT_BYTES)

    await runAll(upkeep)

    const spans = (await bed.slots()).map(({ fromAt, toAt }) => [fromAt, toAt])
    assert.deepEqual(spans.slice(-2), [
      [slots[0]?.fromAt, slots.at(-1)?.toAt],
      [last.fromAt, last.toAt],
    ])
    const [queue] = await bed.store.reads.counts({ namespace: 'default', queue: 'left' })
    assert.equal(queue?.counts.queued, 8 * WAITING)
  })

  it('is done by one process at a time', async () => {
    const slot = await bed.beginSlot()
    await bed.succeed()
    await bed.clock.advance(8 * DAY)
    const other = createTimeSlotUpkeep(bed.context, bed.access, 'process-2', nowMs, 1)
    await runAll(other)
    assert.equal(other.takeRemoved(), 0)
    const mine = createTimeSlotUpkeep(bed.context, bed.access, 'process-1', nowMs, 1)
    await runAll(mine)
    assert.equal(mine.takeRemoved(), 1)
    assert.ok((await bed.slots()).every((one) => one.slot !== slot.slot))
  })
})

it('nothing is removed twice, once row by row and once with its slot', async (t) => {
  const bed = await openTimeSlotTestBed()
  t.after(() => bed.close())
  const slot = await bed.beginSlot()
  for (let n = 0; n < 5; n++) await bed.succeed()
  await bed.clock.advance(8 * DAY)
  const { database } = bed.context
  let removed = 0
  const replaceSlot = async () => {
    await bed.rewrite([slot])
    // Up to where the slot is replaced, but its tables are still there.
    while (removed === 0) removed += (await unlessLocked(() => stepRewrite(bed.access)))?.removed ?? 0
  }
  const late: StoreContext = {
    ...bed.context,
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
  const [queue] = await bed.store.reads.counts({ namespace: 'default', queue: 'ending-1' })
  assert.equal(queue?.counts.succeeded, 0)
})
