import type { Run } from '../database.ts'
import { firstIdAt } from '../id-times.ts'
import { type Bounds, isOver } from './retention-bounds.ts'
import { SLOTTED_TABLES, type TimeSlot } from './time-slot-tables.ts'

/** Rows that are moved while everybody waits: some milliseconds. What is left of a slot with more stays a slot. */
export const DISSOLVED_ROWS = 500

/** Rows of a slot in all of its tables, in each counted up to one more than may be dissolved. */
export async function countRows(run: Run, slot: number): Promise<number> {
  const counts = SLOTTED_TABLES.map(
    (table) => `(SELECT count(*) FROM (SELECT FROM @${table}_s${slot} LIMIT ${DISSOLVED_ROWS + 1}) AS ${table})`,
  )
  const [row] = await run<[string]>(`SELECT ${counts.join(' + ')}`)
  return Number(row?.[0])
}

/** Tasks of a slot, counted up to `most`. */
export async function countTasks(run: Run, slot: number, most: number): Promise<number> {
  const [row] = await run<[string]>(`SELECT count(*) FROM (SELECT FROM @tasks_s${slot} LIMIT $1) AS tasks`, [most])
  return Number(row?.[0])
}

/**
 * Whether no more tasks of a slot are over than must stay. Reads the finished ones once, and of those that have not ended
 * no more than are over.
 */
export async function mustMostStay(run: Run, slot: TimeSlot, bounds: Bounds): Promise<boolean> {
  const [row] = await run<[string, string]>(
    `SELECT count(*) FILTER (WHERE ${isOver(bounds)}), count(*) FROM @finished_s${slot.slot}`,
  )
  const [over, all] = (row ?? []).map(Number) as [number, number]
  const room = over - (all - over)
  return room <= 0 || (await countUnfinished(run, slot, room)) >= room
}

async function countUnfinished(run: Run, { fromAt, toAt }: TimeSlot, most: number): Promise<number> {
  const tables = ['ready', 'scheduled', 'leases']
  const unfinished = tables.map((table) => `SELECT FROM @${table} WHERE id >= $1::uuid AND id < $2::uuid`)
  const [row] = await run<[string]>(
    `SELECT count(*) FROM (SELECT FROM (${unfinished.join(' UNION ALL ')}) AS unfinished LIMIT $3) AS few`,
    [firstIdAt(fromAt), firstIdAt(toAt), most],
  )
  return Number(row?.[0])
}
