import type { Run } from '../database.ts'
import { firstIdAt } from '../id-times.ts'

/** What is kept for long is split by time: a slot is one partition of each of these tables. */
export const SLOTTED_TABLES = ['tasks', 'finished', 'history', 'task_tags'] as const

/** Times of ids, ms; the second exclusive. */
export interface Span {
  readonly fromAt: number
  readonly toAt: number
}

export interface TimeSlot extends Span {
  readonly slot: number
}

/** Oldest first; the rest, which is outside of all slots, is none of them. */
export async function allTimeSlots(run: Run): Promise<readonly TimeSlot[]> {
  const rows = await run<[string, string, string]>('SELECT slot, from_at, to_at FROM @slots ORDER BY from_at')
  return rows.map(([slot, fromAt, toAt]) => ({ slot: Number(slot), fromAt: Number(fromAt), toAt: Number(toAt) }))
}

/** A number that no slot has had or will get. */
export async function newSlotNumber(run: Run): Promise<number> {
  const [row] = await run<[string]>(`SELECT nextval(pg_get_serial_sequence('@slots', 'slot'))`)
  return Number(row?.[0])
}

/** Tables that can become a slot without a look at what is in them. */
export async function createSlotTables(run: Run, { slot, ...span }: TimeSlot): Promise<void> {
  await runAll(
    run,
    SLOTTED_TABLES.map((table) => `CREATE TABLE @${table}_s${slot} (LIKE @${table} INCLUDING ALL, ${within(span)})`),
  )
}

/**
 * Constraints of the rest that prove that it has no tasks of a slot to be attached: one that takes the place of others, or
 * a new one.
 */
export type Proof = 'outside' | 'outside_new'

/** Tables made by `createSlotTables` become a slot. Its proof has served. */
export async function attachSlot(run: Run, { slot, fromAt, toAt }: TimeSlot, proof: Proof): Promise<void> {
  await runAll(
    run,
    SLOTTED_TABLES.flatMap((table) => [
      `ALTER TABLE @${table} ATTACH PARTITION @${table}_s${slot} FOR VALUES FROM ('${firstIdAt(fromAt)}') TO ('${firstIdAt(toAt)}')`,
      `ALTER TABLE @${table}_s${slot} DROP CONSTRAINT within`,
      `ALTER TABLE @${table}_kept DROP CONSTRAINT IF EXISTS ${proof}`,
    ]),
  )
  await run('INSERT INTO @slots (slot, from_at, to_at) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3)', [
    slot,
    fromAt,
    toAt,
  ])
}

/** The tables of slots are tables of their own from now on. */
export async function detachSlots(run: Run, slots: readonly number[]): Promise<void> {
  await runAll(
    run,
    slots.flatMap((slot) => SLOTTED_TABLES.map((table) => `ALTER TABLE @${table} DETACH PARTITION @${table}_s${slot}`)),
  )
  await run('DELETE FROM @slots WHERE slot = ANY ($1::integer[])', [slots])
}

/** For tables that are detached, or were never attached; those that are gone already do not matter. */
export async function dropSlotTables(run: Run, slots: readonly number[]): Promise<void> {
  await runAll(
    run,
    slots.flatMap((slot) => SLOTTED_TABLES.map((table) => `DROP TABLE IF EXISTS @${table}_s${slot}`)),
  )
}

/** Locks the slotted tables, and the partitions of these slots, against everybody. */
export async function lockSlots(run: Run, slots: readonly number[]): Promise<void> {
  const parents = SLOTTED_TABLES.map((table) => `ONLY @${table}`)
  const partitions = slots.flatMap((slot) => SLOTTED_TABLES.map((table) => `@${table}_s${slot}`))
  await run(`LOCK TABLE ${[...parents, ...partitions].join(', ')} IN ACCESS EXCLUSIVE MODE`)
}

/** In one round trip. */
export async function runAll(run: Run, statements: readonly string[]): Promise<void> {
  await run(`DO $do$ BEGIN ${statements.map((statement) => `${statement};`).join(' ')} END $do$`)
}

function within({ fromAt, toAt }: Span): string {
  return `CONSTRAINT within CHECK (id >= '${firstIdAt(fromAt)}' AND id < '${firstIdAt(toAt)}')`
}
