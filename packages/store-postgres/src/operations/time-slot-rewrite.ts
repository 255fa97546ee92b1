import { numbers } from '../arrays.ts'
import { BY_INDEX, type Run } from '../database.ts'
import type { Text } from '../driver.ts'
import { firstIdAt } from '../id-times.ts'
import { type Bounds, isOver } from './retention-bounds.ts'
import type { TimeSlotAccess } from './time-slot-access.ts'
import { catchUp, copyTasks, TASKS_PER_STEP } from './time-slot-copies.ts'
import { proveOutside } from './time-slot-proof.ts'
import {
  allTimeSlots,
  attachSlot,
  createSlotTables,
  detachSlots,
  dropSlotTables,
  lockSlots,
  newSlotNumber,
  runAll,
  SLOTTED_TABLES,
  type Span,
  type TimeSlot,
} from './time-slot-tables.ts'

/*
 * Neighbouring slots become one that holds only what must stay. A table of what must stay is filled beside them in short
 * steps, while triggers note which tasks of theirs change; those are copied again. In the end it takes their place: that
 * locks everybody out for some milliseconds, however many tasks are left behind or kept. What ends a step unexpectedly,
 * be it the process, undoes that step alone, and any process goes on from there.
 */

interface Rewrite extends Span, Bounds {
  readonly target: number
  readonly sources: readonly number[]
  readonly stage: Stage
  readonly copiedId: string | null
  /** Counted from 1. */
  readonly sourceAt: number
  readonly block: number
}

type Stage = 'count' | 'copy-waiting' | 'copy-finished' | 'prove' | 'swap' | 'drop'

/** What a step did: tasks that are gone since. */
export interface Step {
  readonly removed: number
  /** It had everybody locked out for a moment. */
  readonly locked: boolean
}

const BLOCKS_PER_STEP = 256
/** So many changed tasks are copied again while everybody waits. */
const LAST_CHANGES = 100

/** Begins to rewrite neighbouring slots, oldest first; `false` when they are no more, or others are being rewritten. */
export async function beginRewrite(
  { changeLocked }: TimeSlotAccess,
  sources: readonly TimeSlot[],
  { succeededUntil, failedUntil }: Bounds,
): Promise<boolean> {
  const [first, last] = [sources[0], sources.at(-1)]
  if (first === undefined || last === undefined) return false
  const begun = await changeLocked(async (run) => {
    if ((await readRewrite(run)) !== null || !(await areThere(run, sources))) return false
    const target = { slot: await newSlotNumber(run), fromAt: first.fromAt, toAt: last.toAt }
    await createSlotTables(run, target)
    await watch(run, sources)
    await run(
      `INSERT INTO @slot_rewrites (target, sources, from_at, to_at, succeeded_until, failed_until, stage)
       VALUES ($1, $2, $3, $4, $5, $6, 'count')`,
      [
        target.slot,
        numbers(sources.map(({ slot }) => slot)),
        target.fromAt,
        target.toAt,
        Math.floor(succeededUntil),
        Math.floor(failedUntil),
      ],
    )
    return true
  })
  return begun ?? false
}

async function areThere(run: Run, wanted: readonly TimeSlot[]): Promise<boolean> {
  const slots = await allTimeSlots(run)
  const at = slots.findIndex(({ slot }) => slot === wanted[0]?.slot)
  return wanted.every(({ fromAt, slot }, i) => {
    const found = slots[at + i]
    return found?.slot === slot && (i === 0 || fromAt === wanted[i - 1]?.toAt)
  })
}

async function watch(run: Run, sources: readonly TimeSlot[]): Promise<void> {
  const triggers = sources.flatMap(({ slot }) => [
    trigger('tasks', slot, 'note_slot_change'),
    trigger('history', slot, 'note_slot_change'),
    trigger('finished', slot, 'note_slot_finish'),
  ])
  await runAll(run, triggers)
}

function trigger(table: string, slot: number, noting: string): string {
  return `CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON @${table}_s${slot} FOR EACH ROW EXECUTE FUNCTION @${noting}('${slot}')`
}

/** One step of the rewriting under way; `null` when there is none, or another process is at it. */
export async function stepRewrite(access: TimeSlotAccess): Promise<Step | null> {
  const rewrite = await readRewrite(access.maintenance.run)
  if (rewrite === null) return null
  // Not in one transaction: nobody should wait while the rest is looked through.
  if (rewrite.stage === 'prove' && !(await proveOutside(access, 'outside', rewrite))) return null
  const change = rewrite.stage === 'swap' ? access.changeLocked : access.change
  return change(async (run) => {
    const current = await readRewrite(run)
    if (current?.target !== rewrite.target || current.stage !== rewrite.stage) return NOTHING
    if (current.stage !== 'drop' && !(await haveSources(run, current))) return abandon(run, current)
    return STAGES[current.stage](run, current)
  })
}

/** The slots that are being rewritten. */
export async function slotsUnderRewrite(run: Run): Promise<readonly number[]> {
  return (await readRewrite(run))?.sources ?? []
}

const NOTHING: Step = { removed: 0, locked: false }

const STAGES: Readonly<Record<Stage, (run: Run, rewrite: Rewrite) => Promise<Step>>> = {
  count: countRemovals,
  'copy-waiting': copyWaiting,
  'copy-finished': copyFinished,
  prove: (run, rewrite) => moveTo(run, rewrite, 'swap'),
  swap,
  drop,
}

type RewriteRow = [string, string, string, string, string, string, string, Text, string, string]

async function readRewrite(run: Run): Promise<Rewrite | null> {
  const [row] = await run<RewriteRow>(
    `SELECT target, array_to_string(sources, ','), from_at, to_at, succeeded_until, failed_until, stage, copied_id, source_at, block
     FROM @slot_rewrites`,
  )
  if (row === undefined) return null
  return {
    target: Number(row[0]),
    sources: row[1].split(',').map(Number),
    fromAt: Number(row[2]),
    toAt: Number(row[3]),
    succeededUntil: Number(row[4]),
    failedUntil: Number(row[5]),
    stage: row[6] as Stage,
    copiedId: row[7],
    sourceAt: Number(row[8]),
    block: Number(row[9]),
  }
}

async function moveTo(run: Run, { target }: Rewrite, stage: Stage): Promise<Step> {
  await run('UPDATE @slot_rewrites SET stage = $2 WHERE target = $1', [target, stage])
  return NOTHING
}

async function haveSources(run: Run, { sources }: Rewrite): Promise<boolean> {
  const [row] = await run<[string]>('SELECT count(*) FROM @slots WHERE slot = ANY ($1::integer[])', [numbers(sources)])
  return Number(row?.[0]) === sources.length
}

/** A server of the version before has dropped a slot. */
async function abandon(run: Run, { target, sources }: Rewrite): Promise<Step> {
  await dropSlotTables(run, [target])
  const watched = sources.flatMap((slot) => ['tasks', 'history', 'finished'].map((table) => `@${table}_s${slot}`))
  await runAll(run, [
    ...watched.map((table) => `DROP TRIGGER IF EXISTS note_change ON ${table}`),
    ...SLOTTED_TABLES.map((table) => `ALTER TABLE @${table}_kept DROP CONSTRAINT IF EXISTS outside`),
  ])
  return forget(run)
}

async function forget(run: Run): Promise<Step> {
  await runAll(run, ['DELETE FROM @slot_rewrites', 'DELETE FROM @slot_changes', 'DELETE FROM @slot_removals'])
  return NOTHING
}

/** From here on only what `slot_changes` tells is to be added. Both are read in one snapshot, so nothing counts twice. */
async function countRemovals(run: Run, rewrite: Rewrite): Promise<Step> {
  for (const slot of rewrite.sources) {
    await run(
      `WITH counted AS (DELETE FROM @slot_changes WHERE slot = $1)
       INSERT INTO @slot_removals SELECT lane, status, count(*), sum(bytes) FROM @finished_s${slot} WHERE ${isOver(rewrite)} GROUP BY 1, 2`,
      [slot],
    )
  }
  return moveTo(run, rewrite, 'copy-waiting')
}

const WAITING_TABLES = ['ready', 'scheduled', 'leases'] as const

async function copyWaiting(run: Run, rewrite: Rewrite): Promise<Step> {
  const { copiedId, fromAt, toAt, target } = rewrite
  await run(BY_INDEX)
  const behind = copiedId === null ? '>=' : '>'
  const found = await run<[string]>(
    `SELECT id FROM (${WAITING_TABLES.map(
      (table) =>
        `(SELECT id FROM @${table} WHERE id ${behind} $1::uuid AND id < $2::uuid ORDER BY id LIMIT ${TASKS_PER_STEP})`,
    ).join(' UNION ALL ')}) AS waiting ORDER BY id LIMIT ${TASKS_PER_STEP}`,
    [copiedId ?? firstIdAt(fromAt), firstIdAt(toAt)],
  )
  const waiting = found.map(([id]) => id)
  await copyTasks(run, target, waiting)
  if (waiting.length < TASKS_PER_STEP) return moveTo(run, rewrite, 'copy-finished')
  await run('UPDATE @slot_rewrites SET copied_id = $2 WHERE target = $1', [target, waiting.at(-1) as string])
  return NOTHING
}

async function copyFinished(run: Run, rewrite: Rewrite): Promise<Step> {
  const { sources, sourceAt, block, target } = rewrite
  const table = `@finished_s${sources[sourceAt - 1]}`
  await run(BY_INDEX)
  const copied = await run<[string]>(
    `INSERT INTO @finished_s${target} SELECT * FROM ${table} WHERE ctid >= $1::tid AND ctid < $2::tid AND NOT (${isOver(rewrite)})
     ON CONFLICT DO NOTHING RETURNING id`,
    [`(${block},0)`, `(${block + BLOCKS_PER_STEP},0)`],
  )
  await copyTasks(
    run,
    target,
    copied.map(([id]) => id),
  )
  const [row] = await run<[string]>(`SELECT pg_relation_size('${table}') / current_setting('block_size')::bigint`)
  if (block + BLOCKS_PER_STEP < Number(row?.[0])) {
    await run('UPDATE @slot_rewrites SET block = $2 WHERE target = $1', [target, block + BLOCKS_PER_STEP])
    return NOTHING
  }
  if (sourceAt === sources.length) return moveTo(run, rewrite, 'prove')
  await run('UPDATE @slot_rewrites SET block = 0, source_at = source_at + 1 WHERE target = $1', [target])
  return NOTHING
}

/** The copy takes the place of the slots. */
async function swap(run: Run, rewrite: Rewrite): Promise<Step> {
  const { sources, target, fromAt, toAt } = rewrite
  if ((await catchUp(run, rewrite)) > LAST_CHANGES) return NOTHING
  await lockSlots(run, sources)
  if ((await catchUp(run, rewrite)) > LAST_CHANGES) return { removed: 0, locked: true }
  await detachSlots(run, sources)
  await attachSlot(run, { slot: target, fromAt, toAt }, 'outside')
  const removed = await uncount(run)
  await moveTo(run, rewrite, 'drop')
  return { removed, locked: true }
}

async function uncount(run: Run): Promise<number> {
  const [row] = await run<[Text]>(
    `WITH removed AS (DELETE FROM @slot_removals RETURNING *), counted AS (
       INSERT INTO @counter_changes (lane, succeeded, failed, cancelled, finished_bytes)
       SELECT lane, -coalesce(sum(tasks) FILTER (WHERE status = 1), 0), -coalesce(sum(tasks) FILTER (WHERE status = 2), 0),
         -coalesce(sum(tasks) FILTER (WHERE status = 3), 0), -sum(bytes)
       FROM removed GROUP BY lane
     )
     SELECT sum(tasks) FROM removed`,
  )
  return Number(row?.[0] ?? 0)
}

async function drop(run: Run, { sources }: Rewrite): Promise<Step> {
  await dropSlotTables(run, sources)
  return forget(run)
}
