import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { firstIdAt } from '../src/id-times.ts'
import { SLOTTED_TABLES, type TimeSlot } from '../src/operations/time-slot-tables.ts'
import { DAY, openTimeSlotTestBed, type TimeSlotTestBed } from './time-slot-test-bed.ts'

const FINISHED = 60_000
/** One in so many failed, and is kept for longer. */
const FAILED_EVERY = 100
const WAITING = 1_500
/** Outside of all slots. */
const OUTSIDE = 20_000

// How much work a plan makes shows in the blocks that it touches, whatever the machine.
describe('a slot of many tasks', () => {
  let bed: TimeSlotTestBed
  let slot: TimeSlot
  before(async () => {
    bed = await openTimeSlotTestBed()
    await bed.beginSlot()
    slot = await bed.beginSlot()
    const id = await bed.succeed()
    const [lane] = await bed.context.database.run<[string]>('SELECT lane FROM @tasks WHERE id = $1', [id])
    for (const suffix of ['kept', `s${slot.slot}`]) await leaveAlone(bed, suffix)
    await fill(bed, Number(lane?.[0]), slot)
    await bed.clock.advance(8 * DAY)
  })
  after(() => bed.close())

  it('is rewritten by steps that read each of its tasks a few times, and everybody waits for none of that', async () => {
    const blocks = await blocksOf(bed, slot.slot)
    assert.ok(blocks > 1000)
    assert.equal(await bed.rewrite([slot]), true)
    const touched = new Map<string, number>()
    let [stage, before] = ['count', await touchedBlocks(bed, slot)]
    const [target] = await bed.context.database.run<[string]>('SELECT target FROM @slot_rewrites')
    await leaveAlone(bed, `s${target?.[0]}`)
    const removed = await bed.finishRewrite(async (next) => {
      // From `drop` on the tables are gone.
      const now = await touchedBlocks(bed, slot)
      touched.set(stage, (touched.get(stage) ?? 0) + now - before)
      stage = next
      before = now
    })
    assert.equal(removed, FINISHED - FINISHED / FAILED_EVERY + 1)
    const total = touched.values().reduce((sum, one) => sum + one, 0)
    const kept = FINISHED / FAILED_EVERY + WAITING
    assert.ok(total < 3 * blocks + 30 * kept, `${total} blocks touched for ${blocks} and ${kept} tasks to be kept`)
    assert.ok((touched.get('swap') as number) < 100, `${touched.get('swap')} blocks touched while everybody waits`)
  })

  it('is not dissolved while much is left of it, and finding that out is quick', async () => {
    const [rewritten] = (await bed.slots()).filter(({ fromAt }) => fromAt === slot.fromAt)
    assert.ok(rewritten)
    const before = await touchedBlocks(bed, rewritten)
    assert.equal(await bed.dissolve(rewritten), false)
    const touched = (await touchedBlocks(bed, rewritten)) - before
    assert.ok(touched < 100, `${touched} blocks`)
  })
})

async function fill(bed: TimeSlotTestBed, lane: number, slot: TimeSlot): Promise<void> {
  const { run } = bed.context.maintenance
  const now = bed.clock.now()
  const tasks = 'INSERT INTO @tasks (id, created_at, timeout_seconds, lane, priority, max_attempts, payload)'
  const ids = (at: number, mark: string) => `(overlay('${firstIdAt(at)}' placing '7${mark}' from 15 for 3)::text)`
  const idOf = (at: number, mark: string) => `(left(${ids(at, mark)}, 24) || lpad(to_hex(n), 12, '0'))::uuid`
  const series = (count: number) => `generate_series(1, ${count}) AS s (n)`
  await run(
    `${tasks} SELECT ${idOf(now, 'aa')}, ${now}, 3600, ${lane}, 0, 10, '"${'x'.repeat(100)}"' FROM ${series(FINISHED)}`,
  )
  await run(
    `INSERT INTO @finished (id, started_at, finished_at, lane, token, bytes, status, attempt, crashes, worker_id, result)
     SELECT ${idOf(now, 'aa')}, ${now}, ${now}, ${lane}, 1, 400, CASE WHEN n % ${FAILED_EVERY} = 0 THEN 2 ELSE 1 END, 1, 0, 'w', '"${'x'.repeat(50)}"'
     FROM ${series(FINISHED)}`,
  )
  await run(`${tasks} SELECT ${idOf(now, 'bb')}, ${now}, 3600, ${lane}, 0, 10, '1' FROM ${series(WAITING)}`)
  await run(
    `INSERT INTO @ready (id, ready_at, seq, lane, token, bytes, timeout_ms, rank, attempt, crashes)
     SELECT ${idOf(now, 'bb')}, ${now}, n, ${lane}, 0, 1, 3600000, 0, 0, 0 FROM ${series(WAITING)}`,
  )
  const outside = slot.fromAt - 300 * DAY
  await run(
    `${tasks} SELECT ${idOf(outside, 'cc')}, ${now}, 3600, ${lane}, 0, 10, '"${'x'.repeat(100)}"' FROM ${series(OUTSIDE)}`,
  )
  await run('ANALYZE @tasks')
  await run('ANALYZE @finished')
}

/** Autovacuum touches blocks, too. */
async function leaveAlone({ context }: TimeSlotTestBed, suffix: string): Promise<void> {
  for (const table of SLOTTED_TABLES) {
    await context.maintenance.run(`ALTER TABLE @${table}_${suffix} SET (autovacuum_enabled = off)`)
  }
}

async function blocksOf(bed: TimeSlotTestBed, slot: number): Promise<number> {
  const [row] = await bed.context.database.run<[string]>(
    `SELECT (pg_relation_size('@tasks_s${slot}') + pg_relation_size('@finished_s${slot}')) / 8192`,
  )
  return Number(row?.[0])
}

/** Blocks of tables and indexes of the slot and of the rest that chores have touched so far. */
async function touchedBlocks({ context }: TimeSlotTestBed, { slot }: TimeSlot): Promise<number> {
  await context.maintenance.run('SELECT pg_stat_force_next_flush()')
  const [row] = await context.database.run<[string]>(
    `SELECT coalesce(sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read, 0) + coalesce(idx_blks_hit, 0)), 0)
     FROM pg_statio_user_tables WHERE schemaname = $1 AND (relname LIKE '%\\_s${slot}' OR relname LIKE '%\\_kept')`,
    [context.database.schema],
  )
  return Number(row?.[0])
}
