import type { Retention } from '@taskyard/core'
import type { Run } from '../database.ts'
import { firstIdAt, timeOfId } from '../id-times.ts'
import type { Parts } from '../parts.ts'
import { isLocked, isOccupied } from '../postgres-errors.ts'

/** What is kept for long is split by time: a slot is one partition of each of these tables. */
export const SLOTTED_TABLES = ['tasks', 'finished', 'history', 'task_tags'] as const

export interface Slot {
  readonly slot: number
  /** Times of its ids, ms; the second exclusive. */
  readonly fromAt: number
  readonly toAt: number
}

export interface Slots {
  /** Makes the slots that will be needed soon; quick when they are there. */
  prepare(retention: Retention): Promise<void>
  /** Oldest first. */
  all(): Promise<readonly Slot[]>
}

const MINUTE = 60_000
/** So many slots hold what retention keeps, so that whole ones fall out of it often enough. */
const SLOTS_KEPT = 28
const SHORTEST_MS = 10 * MINUTE
const LONGEST_MS = 24 * 60 * MINUTE
/** A busier queue gets shorter slots. */
const TASKS_PER_SLOT = 2_000_000
const CHECK_EVERY_MS = 30_000
/** A slot begins in the future, where nothing is being stored. */
const AHEAD_MS = 10_000

/** @param nowMs a monotonic clock, ms */
export function createSlots(parts: Parts, nowMs: () => number): Slots {
  const { database, time } = parts
  let checkedAt = Number.NEGATIVE_INFINITY

  async function all(run: Run = database.run): Promise<Slot[]> {
    const rows = await run<[string, string, string]>('SELECT slot, from_at, to_at FROM @slots ORDER BY from_at')
    return rows.map(([slot, fromAt, toAt]) => ({ slot: Number(slot), fromAt: Number(fromAt), toAt: Number(toAt) }))
  }

  return {
    all: () => all(),
    async prepare(retention) {
      if (nowMs() - checkedAt < CHECK_EVERY_MS) return
      const making = database.transaction(async (run) => {
        // Attaching a partition waits for whoever uses the tables, and everybody else for it: rather try again later.
        await run(`SET LOCAL lock_timeout = '100ms'`)
        const [locked] = await run<[string, string]>(
          `SELECT pg_try_advisory_xact_lock(hashtextextended('taskyard slots @slots', 0)), @server_now($1, $2)`,
          time.params(),
        )
        if (locked?.[0] !== 't') return
        const now = Number(locked[1])
        const slots = await all(run)
        const width = await slotWidth(run, retention, slots.at(-1), now)
        const end = slots.at(-1)?.toAt ?? 0
        if (end < now + width / 2) await makeSlot(run, Math.max(end, now + AHEAD_MS), width)
        checkedAt = nowMs()
      })
      // Somebody uses the tables, or has just stored a task of that time, by a clock that is far ahead: then the next sweep.
      await making.catch((error) => {
        if (!isLocked(error) && !isOccupied(error)) throw error
      })
    },
  }
}

async function slotWidth(
  run: Run,
  { succeededSeconds }: Retention,
  last: Slot | undefined,
  now: number,
): Promise<number> {
  const widest = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, (succeededSeconds * 1000) / SLOTS_KEPT))
  if (last === undefined || now <= last.fromAt) return widest
  const [row] = await run<[string]>(
    `SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = '@tasks_s${last.slot}'::regclass`,
  )
  const tasksPerMs = Number(row?.[0] ?? 0) / (Math.min(now, last.toAt) - last.fromAt)
  return Math.min(widest, Math.max(SHORTEST_MS, TASKS_PER_SLOT / tasksPerMs))
}

async function makeSlot(run: Run, wantedFrom: number, width: number): Promise<void> {
  // What is in the rest already, from a machine whose clock is ahead, stays there.
  const [newest] = await run<[string | null]>('SELECT max(id::text) FROM @tasks_kept')
  const fromAt = Math.max(wantedFrom, newest?.[0] ? timeOfId(newest[0]) + 1 : 0)
  const toAt = Math.floor(fromAt + width)
  const rows = await run<[string]>('INSERT INTO @slots (from_at, to_at) VALUES ($1, $2) RETURNING slot', [fromAt, toAt])
  const slot = Number(rows[0]?.[0])
  for (const table of SLOTTED_TABLES) {
    await run(`CREATE TABLE @${table}_s${slot} (LIKE @${table} INCLUDING ALL)`)
    await run(
      `ALTER TABLE @${table} ATTACH PARTITION @${table}_s${slot} FOR VALUES FROM ('${firstIdAt(fromAt)}') TO ('${firstIdAt(toAt)}')`,
    )
  }
}
