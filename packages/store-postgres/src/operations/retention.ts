import type { Retention } from '@taskyard/core'
import type { Run } from '../database.ts'
import { firstIdAt } from '../id-times.ts'
import type { Parts } from '../parts.ts'
import { isLocked } from '../postgres-errors.ts'
import { count, newMoves, writeMoves } from './moves.ts'
import { SLOTTED_TABLES, type Slot, type Slots } from './slots.ts'

/**
 * A slot whose finished rows take less is cleaned row by row, exactly on time; a larger one waits until all of it is
 * over its time and is dropped whole, which costs next to nothing however many rows it has.
 */
const SMALL_SLOT_BYTES = 16 * 1024 * 1024
/** A slot with more tasks that must stay is not dropped. */
const MOST_KEEPERS = 100_000

interface Bounds {
  readonly succeededUntil: number
  readonly failedUntil: number
}

interface Partition extends Slot {
  /** What follows the name of the table. */
  readonly suffix: string
  readonly finishedBytesOnDisk: number
  readonly bytesOnDisk: number
}

interface Removal {
  readonly removed: number
  /** More is to be removed than one call may. */
  readonly isBehind: boolean
}

export async function removeFinished(
  parts: Parts,
  slots: Slots,
  { succeededSeconds, failedSeconds, finishedBytes }: Retention,
  limit: number,
  smallSlotBytes = SMALL_SLOT_BYTES,
): Promise<Removal> {
  const { bytes, now } = await finishedTotals(parts)
  const bounds = { succeededUntil: now - succeededSeconds * 1000, failedUntil: now - failedSeconds * 1000 }
  const latest = Math.max(bounds.succeededUntil, bounds.failedUntil)
  const oldest = (await slots.all())[0]
  const hasOld = oldest === undefined || oldest.fromAt <= latest || (await hasKept(parts))
  if (!hasOld && bytes <= finishedBytes) return { removed: 0, isBehind: false }
  return removeFrom(parts, await partitions(parts, slots), {
    bounds,
    latest,
    now,
    excess: bytes - finishedBytes,
    limit,
    smallSlotBytes,
  })
}

interface Removing {
  readonly bounds: Bounds
  readonly latest: number
  readonly now: number
  readonly excess: number
  readonly limit: number
  readonly smallSlotBytes: number
}

async function removeFrom(
  parts: Parts,
  all: readonly Partition[],
  { bounds, latest, now, excess, limit, smallSlotBytes }: Removing,
): Promise<Removal> {
  let removed = 0
  let over = excess
  for (const partition of all) {
    const isSmall = partition.suffix === 'kept' || partition.finishedBytesOnDisk < smallSlotBytes
    if (partition.fromAt > latest && over <= 0) break
    if (
      !isSmall &&
      partition.toAt <= now &&
      (partition.toAt <= bounds.succeededUntil || over >= partition.bytesOnDisk)
    ) {
      const isOver = over >= partition.bytesOnDisk
      const dropped = await dropSlot(parts, partition, isOver ? { succeededUntil: now, failedUntil: now } : bounds)
      if (dropped !== null) {
        removed += dropped.tasks
        over -= dropped.bytes
        continue
      }
    }
    if (removed >= limit) break
    if (isSmall && partition.fromAt <= latest) {
      const { tasks, bytes } = await removeRows(parts, partition, bounds, limit - removed)
      removed += tasks
      over -= bytes
    }
    if (over > 0 && removed < limit) {
      const { tasks, bytes } = await removeOldest(parts, partition, over, limit - removed)
      removed += tasks
      over -= bytes
    }
  }
  return { removed, isBehind: removed >= limit }
}

async function finishedTotals({ database, time }: Parts): Promise<{ bytes: number; now: number }> {
  const rows = await database.run<[string, string]>(
    `SELECT coalesce(sum(finished_bytes), 0), @server_now($1, $2)
     FROM (SELECT finished_bytes FROM @counters UNION ALL SELECT finished_bytes FROM @counter_changes) AS c`,
    time.params(),
  )
  const [bytes, now] = rows[0] as [string, string]
  return { bytes: Number(bytes), now: time.saw(now) }
}

async function hasKept({ database }: Parts): Promise<boolean> {
  return (await database.run('SELECT 1 FROM @finished_kept LIMIT 1')).length > 0
}

async function partitions({ database }: Parts, slots: Slots): Promise<readonly Partition[]> {
  const found = [{ slot: 0, fromAt: 0, toAt: Number.POSITIVE_INFINITY, suffix: 'kept' }]
  for (const slot of await slots.all()) found.push({ ...slot, suffix: `s${slot.slot}` })
  const rows = await database.run<[string, string]>(
    `SELECT pg_relation_size(f.name::regclass), pg_total_relation_size(f.name::regclass) + pg_total_relation_size(t.name::regclass)
     FROM ROWS FROM (unnest($1::text[]), unnest($2::text[])) WITH ORDINALITY AS n (finished, tasks, n),
       LATERAL (SELECT n.finished AS name) f, LATERAL (SELECT n.tasks AS name) t ORDER BY n.n`,
    [
      found.map(({ suffix }) => database.inSchema(`@finished_${suffix}`)),
      found.map(({ suffix }) => database.inSchema(`@tasks_${suffix}`)),
    ],
  )
  return found.map((slot, i) => ({
    ...slot,
    finishedBytesOnDisk: Number(rows[i]?.[0]),
    bytesOnDisk: Number(rows[i]?.[1]),
  }))
}

interface Removed {
  readonly tasks: number
  readonly bytes: number
}

function removeRows(parts: Parts, { suffix }: Partition, { succeededUntil, failedUntil }: Bounds, limit: number) {
  return removeSelected(
    parts,
    suffix,
    `SELECT ctid FROM @finished_${suffix} WHERE (status <> 2 AND finished_at <= $1) OR (status = 2 AND finished_at <= $2)
     ORDER BY finished_at LIMIT $3 FOR UPDATE SKIP LOCKED`,
    [succeededUntil, failedUntil, limit],
  )
}

// Rows are appended as tasks finish, so the first on disk are about the oldest; a small partition is sorted all the same.
function removeOldest(parts: Parts, { suffix }: Partition, bytes: number, limit: number): Promise<Removed> {
  return removeSelected(
    parts,
    suffix,
    `SELECT f.ctid FROM @finished_${suffix} f JOIN (
       SELECT at, sum(bytes) OVER (ORDER BY finished_at, at) - bytes AS before FROM (
         SELECT ctid AS at, bytes, finished_at FROM @finished_${suffix} LIMIT 50000
       ) AS first_rows
     ) AS oldest ON f.ctid = oldest.at
     WHERE oldest.before < $1 ORDER BY oldest.before LIMIT $2 FOR UPDATE OF f SKIP LOCKED`,
    [bytes, limit],
  )
}

async function removeSelected(
  { database }: Parts,
  suffix: string,
  select: string,
  values: readonly number[],
): Promise<Removed> {
  return database.transaction(async (run) => {
    const rows = await run<[string, string, string, string]>(
      `DELETE FROM @finished_${suffix} WHERE ctid = ANY (ARRAY(${select})) RETURNING id, lane, status, bytes`,
      values,
    )
    if (rows.length === 0) return { tasks: 0, bytes: 0 }
    const removedIds = rows.map(([id]) => id)
    const others = SLOTTED_TABLES.filter((table) => table !== 'finished')
    const deletes = others.map((table) =>
      run(`DELETE FROM @${table}_${suffix} WHERE id = ANY ($1::uuid[])`, [removedIds]),
    )
    const moves = newMoves()
    for (const [, lane, status, bytes] of rows) uncount(moves, Number(lane), Number(status), 1, Number(bytes))
    await Promise.all([...deletes, writeMoves(run, moves, 0)])
    return { tasks: rows.length, bytes: rows.reduce((sum, [, , , bytes]) => sum + Number(bytes), 0) }
  })
}

const STATUS_NAMES = ['succeeded', 'failed', 'cancelled'] as const

function uncount(moves: ReturnType<typeof newMoves>, lane: number, status: number, tasks: number, bytes: number): void {
  count(moves, lane, STATUS_NAMES[status - 1] as (typeof STATUS_NAMES)[number], -tasks)
  count(moves, lane, 'finished_bytes', -bytes)
}

/** Drops a slot whole, after what must stay has moved to the rest; `null` when too much must stay. */
export async function dropSlot(
  { database }: Parts,
  { slot, suffix, fromAt, toAt }: Pick<Partition, 'slot' | 'suffix' | 'fromAt' | 'toAt'>,
  { succeededUntil, failedUntil }: Bounds,
): Promise<Removed | null> {
  const isOver = `((status <> 2 AND finished_at <= ${Number(succeededUntil)}) OR (status = 2 AND finished_at <= ${Number(failedUntil)}))`
  const dropping = database.transaction(async (run) => {
    // Detaching waits for whoever reads the tables; it is better to try again than to hold up everybody.
    await run(`SET LOCAL lock_timeout = '100ms'`)
    const [locked] = await run<[string]>(
      `SELECT pg_try_advisory_xact_lock(hashtextextended('taskyard slots @slots', 0))`,
    )
    if (locked?.[0] !== 't') return null
    const [kept] = await run<[string]>(
      `SELECT count(*) FROM (SELECT 1 FROM @finished_${suffix} WHERE NOT ${isOver} LIMIT $1) AS k`,
      [MOST_KEEPERS],
    )
    if (Number(kept?.[0]) >= MOST_KEEPERS) return null
    for (const table of SLOTTED_TABLES) await run(`ALTER TABLE @${table} DETACH PARTITION @${table}_${suffix}`)
    await moveKeepers(run, suffix, isOver, firstIdAt(fromAt), firstIdAt(toAt))
    const removed = await uncountOver(run, suffix, isOver)
    for (const table of SLOTTED_TABLES) await run(`DROP TABLE @${table}_${suffix}`)
    await run('DELETE FROM @slots WHERE slot = $1', [slot])
    return removed
  })
  return dropping.catch((error) => {
    if (isLocked(error)) return null
    throw error
  })
}

async function moveKeepers(run: Run, suffix: string, isOver: string, from: string, to: string): Promise<void> {
  await run(
    `CREATE TEMP TABLE keepers ON COMMIT DROP AS
     SELECT id FROM @ready WHERE id >= $1 AND id < $2 UNION SELECT id FROM @scheduled WHERE id >= $1 AND id < $2
     UNION SELECT id FROM @leases WHERE id >= $1 AND id < $2 UNION SELECT id FROM @finished_${suffix} WHERE NOT ${isOver}`,
    [from, to],
  )
  await run('ANALYZE keepers')
  for (const table of SLOTTED_TABLES) {
    await run(`INSERT INTO @${table} SELECT o.* FROM @${table}_${suffix} o JOIN keepers k ON k.id = o.id`)
  }
}

async function uncountOver(run: Run, suffix: string, isOver: string): Promise<Removed> {
  const rows = await run<[string, string, string, string]>(
    `SELECT lane, status, count(*), sum(bytes) FROM @finished_${suffix} WHERE ${isOver} GROUP BY 1, 2`,
  )
  const moves = newMoves()
  const removed = { tasks: 0, bytes: 0 }
  for (const [lane, status, tasks, bytes] of rows) {
    uncount(moves, Number(lane), Number(status), Number(tasks), Number(bytes))
    removed.tasks += Number(tasks)
    removed.bytes += Number(bytes)
  }
  await writeMoves(run, moves, 0)
  return removed
}
