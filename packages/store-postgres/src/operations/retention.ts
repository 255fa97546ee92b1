import type { Retention } from '@taskyard/core'
import type { Run } from '../database.ts'
import type { StoreContext } from '../store-context.ts'
import { type Bounds, isOverAt } from './retention-bounds.ts'
import type { RowScans } from './row-scans.ts'
import { slotsUnderRewrite } from './time-slot-rewrite.ts'
import { allTimeSlots, type TimeSlot } from './time-slot-tables.ts'
import { count, newTransitions } from './transitions.ts'
import { writeTransitions } from './write-transitions.ts'

/**
 * A slot whose finished rows take less is cleaned row by row, exactly on time; a larger one waits until all of it is
 * over its time and is rewritten, which costs no more than what must stay.
 */
export const SMALL_SLOT_BYTES = 16 * 1024 * 1024
/** While there is too much in all, so many of the oldest slots are looked at. */
const OLDEST_SLOTS = 16

/** What retention asks for at one moment. */
export interface Due extends Bounds {
  readonly now: number
  /** Nothing that ended later is over its time. */
  readonly latest: number
  /** Finished tasks take so many bytes more than they may. */
  readonly excess: number
}

export interface Partition extends TimeSlot {
  /** What follows the name of the table. */
  readonly suffix: string
  readonly finishedBytesOnDisk: number
  readonly bytesOnDisk: number
}

/** What a sweep has to know of slots that are rewritten beside it. */
export interface WholeSlots {
  /** Too much of it must stay, so that it is cleaned row by row. */
  isTooFull(slot: number): boolean
}

export interface Removal {
  readonly removed: number
  /** More is to be removed than one call may. */
  readonly isBehind: boolean
}

/** Removes rows that are over, as far as slots are not left to be rewritten whole. */
export async function removeFinished(
  context: StoreContext,
  scans: RowScans,
  wholeSlots: WholeSlots,
  retention: Retention,
  limit: number,
  smallSlotBytes: number,
): Promise<Removal> {
  const { run } = context.database
  const due = await whatIsDue(context, retention)
  const partitions = await duePartitions(run, due)
  const rewritten = partitions.length > 0 ? await slotsUnderRewrite(run) : []
  let removed = 0
  // What a rewriting will free is not known before it has counted.
  let over = rewritten.length > 0 ? 0 : due.excess
  for (const partition of partitions) {
    if (rewritten.includes(partition.slot)) continue
    const isLeft = !wholeSlots.isTooFull(partition.slot) && isWholeDue(partition, due, over, smallSlotBytes)
    if (isLeft) {
      if (partition.toAt > due.succeededUntil) over -= partition.bytesOnDisk
      continue
    }
    if (removed >= limit) break
    const isSmall = isKept(partition) || partition.finishedBytesOnDisk < smallSlotBytes
    if (partition.fromAt <= due.latest && (isSmall || wholeSlots.isTooFull(partition.slot))) {
      const { tasks, bytes } = await removeOver(context, scans, partition, due, limit - removed)
      removed += tasks
      over -= bytes
    }
    if (over > 0 && removed < limit) {
      const { tasks, bytes } = await removeOldest(context, partition, over, limit - removed)
      removed += tasks
      over -= bytes
    }
  }
  return { removed, isBehind: removed >= limit }
}

/** Whether a slot is large and all of its finished tasks are over, but for those that failed; or it is all too much. */
export function isWholeDue(
  { toAt, finishedBytesOnDisk, bytesOnDisk, suffix }: Partition,
  { now, succeededUntil }: Due,
  excess: number,
  smallSlotBytes: number,
): boolean {
  if (suffix === KEPT || finishedBytesOnDisk < smallSlotBytes || toAt > now) return false
  return toAt <= succeededUntil || excess >= bytesOnDisk
}

/** The bounds of retention by the server's time, and by how many bytes all finished tasks are over theirs. */
export async function whatIsDue(
  { database, time }: StoreContext,
  { succeededSeconds, failedSeconds, finishedBytes }: Retention,
): Promise<Due> {
  const rows = await database.run<[string, string]>(
    `SELECT coalesce(sum(finished_bytes), 0), @server_now($1, $2)
     FROM (SELECT finished_bytes FROM @counters UNION ALL SELECT finished_bytes FROM @counter_changes) AS c`,
    time.params(),
  )
  const [bytes, at] = rows[0] as [string, string]
  const now = time.saw(at)
  const succeededUntil = now - succeededSeconds * 1000
  const failedUntil = now - failedSeconds * 1000
  return {
    now,
    succeededUntil,
    failedUntil,
    latest: Math.max(succeededUntil, failedUntil),
    excess: Number(bytes) - finishedBytes,
  }
}

const KEPT = 'kept'
const isKept = ({ suffix }: Partition) => suffix === KEPT

/** The rest, where it has finished tasks, and slots that hold something over its time or the oldest; oldest first. */
export async function duePartitions(run: Run, { latest, excess }: Due): Promise<readonly Partition[]> {
  const slots = await allTimeSlots(run)
  const due = slots.filter(({ fromAt }, n) => fromAt <= latest || (excess > 0 && n < OLDEST_SLOTS))
  const [kept] = await run<[string]>('SELECT EXISTS (SELECT FROM @finished_kept)')
  const rest = { slot: 0, fromAt: 0, toAt: Number.POSITIVE_INFINITY, suffix: KEPT }
  return withSizes(run, [
    ...(kept?.[0] === 't' ? [rest] : []),
    ...due.map((slot) => ({ ...slot, suffix: `s${slot.slot}` })),
  ])
}

async function withSizes(
  run: Run,
  found: readonly (TimeSlot & { readonly suffix: string })[],
): Promise<readonly Partition[]> {
  if (found.length === 0) return []
  // One that is gone meanwhile has no size.
  const rows = await run<[string, string, string]>(
    `SELECT suffix, pg_relation_size(f.oid), pg_total_relation_size(f.oid) + pg_total_relation_size(t.oid)
     FROM unnest($1::text[]) AS s (suffix)
       JOIN pg_class f ON f.relname = 'finished_' || s.suffix 
        AND f.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = '@slots'::regclass)
       JOIN pg_class t ON t.relname = 'tasks_' || s.suffix AND t.relnamespace = f.relnamespace`,
    [found.map(({ suffix }) => suffix)],
  )
  const sizes = new Map(
    rows.map(([suffix, finished, all]) => [suffix, { finished: Number(finished), all: Number(all) }]),
  )
  return found.flatMap((slot) => {
    const size = sizes.get(slot.suffix)
    return size === undefined ? [] : [{ ...slot, finishedBytesOnDisk: size.finished, bytesOnDisk: size.all }]
  })
}

interface Removed {
  readonly tasks: number
  readonly bytes: number
}

const NONE: Removed = { tasks: 0, bytes: 0 }

/** Looks at a bounded part of the partition at a time, and at all of it only now and then where that takes long. */
async function removeOver(
  context: StoreContext,
  scans: RowScans,
  partition: Partition,
  { succeededUntil, failedUntil }: Bounds,
  limit: number,
): Promise<Removed> {
  const { suffix, finishedBytesOnDisk } = partition
  const scan = scans.begin(suffix, finishedBytesOnDisk)
  if (scan === null) return NONE
  const removed = await removeSelected(
    context,
    partition,
    `SELECT ctid FROM @finished_${suffix} WHERE ctid >= $1::tid AND ctid < $2::tid AND ${isOverAt('$4::bigint', '$5::bigint')}
     ORDER BY finished_at LIMIT $3 FOR UPDATE SKIP LOCKED`,
    [`(${scan.fromBlock},0)`, `(${scan.toBlock},0)`, limit, Math.floor(succeededUntil), Math.floor(failedUntil)],
  )
  scan.end(removed.tasks < limit)
  return removed
}

/** Rows of a small partition that are sorted to find the oldest. */
const SORTED_ROWS = 50_000

// Rows are appended as tasks finish, so the first on disk are about the oldest; a small partition is sorted all the same.
function removeOldest(context: StoreContext, partition: Partition, bytes: number, limit: number): Promise<Removed> {
  const { suffix, finishedBytesOnDisk } = partition
  const looked = finishedBytesOnDisk < SMALL_SLOT_BYTES ? SORTED_ROWS : limit
  return removeSelected(
    context,
    partition,
    `SELECT f.ctid FROM @finished_${suffix} f JOIN (
       SELECT at, sum(bytes) OVER (ORDER BY finished_at, at) - bytes AS before FROM (
         SELECT ctid AS at, bytes, finished_at FROM @finished_${suffix} LIMIT $3
       ) AS first_rows
     ) AS oldest ON f.ctid = oldest.at
     WHERE oldest.before < $1 ORDER BY oldest.before LIMIT $2 FOR UPDATE OF f SKIP LOCKED`,
    [bytes, limit, looked],
  )
}

async function removeSelected(
  { database }: StoreContext,
  partition: Partition,
  select: string,
  values: readonly (number | string)[],
): Promise<Removed> {
  const { suffix } = partition
  return database.transaction(async (run) => {
    if (!(await holdPartition(run, partition))) return NONE
    const rows = await run<[string, string, string, string]>(
      `DELETE FROM @finished_${suffix} WHERE ctid = ANY (ARRAY(${select})) RETURNING id, lane, status, bytes`,
      values,
    )
    if (rows.length === 0) return NONE
    const removedIds = [rows.map(([id]) => id)]
    // Tags go first: what they are says the task.
    const tags = run(
      `DELETE FROM @task_tags_${suffix} d USING unnest($1::uuid[]) AS i (id)
         CROSS JOIN LATERAL (SELECT * FROM @tasks_${suffix} t WHERE t.id = i.id AND t.tags IS NOT NULL OFFSET 0) AS t
         JOIN @lanes l ON l.lane = t.lane CROSS JOIN LATERAL json_array_elements_text(t.tags::json) AS g (tag)
       WHERE d.namespace = l.namespace AND d.tag = g.tag AND d.id = t.id`,
      removedIds,
    )
    const deletes = ['history', 'tasks'].map((table) =>
      run(`DELETE FROM @${table}_${suffix} WHERE id = ANY ($1::uuid[])`, removedIds),
    )
    const transitions = newTransitions()
    for (const [, lane, status, bytes] of rows) uncount(transitions, Number(lane), Number(status), 1, Number(bytes))
    await Promise.all([tags, ...deletes, writeTransitions(run, transitions, 0)])
    return { tasks: rows.length, bytes: rows.reduce((sum, [, , , bytes]) => sum + Number(bytes), 0) }
  })
}

/**
 * Keeps a slot from being replaced or dissolved until the end of the transaction; `false` when it is gone: what is removed
 * from what it was would count twice.
 */
async function holdPartition(run: Run, { suffix, slot }: Partition): Promise<boolean> {
  if (suffix === KEPT) return true
  return (await run('SELECT 1 FROM @slots WHERE slot = $1 FOR KEY SHARE', [slot])).length > 0
}

const STATUS_NAMES = ['succeeded', 'failed', 'cancelled'] as const

/** Takes ended tasks of a lane off the counts. */
export function uncount(
  transitions: ReturnType<typeof newTransitions>,
  lane: number,
  status: number,
  tasks: number,
  bytes: number,
): void {
  count(transitions, lane, STATUS_NAMES[status - 1] as (typeof STATUS_NAMES)[number], -tasks)
  count(transitions, lane, 'finished_bytes', -bytes)
}
