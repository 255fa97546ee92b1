import type { Retention } from '@taskyard/core'
import { createBackOff } from '../back-off.ts'
import type { Run } from '../database.ts'
import { firstIdAt, timeOfId } from '../id-times.ts'
import type { Parts } from '../parts.ts'
import { isLocked, isOccupied } from '../postgres-errors.ts'
import type { ServerTime } from '../server-time.ts'
import { allSlots, attachSlot, changeSlots, createSlotTables, newSlotNumber, type Slot } from './slot-tables.ts'

export interface Slots {
  /** Makes the slots that will be needed soon; `false` when it is not yet time to look. */
  prepare(retention: Retention): Promise<boolean>
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
export function createSlots({ maintenance, time }: Parts, nowMs: () => number): Slots {
  const backOff = createBackOff(nowMs)
  let checkedAt = Number.NEGATIVE_INFINITY
  /** Of the store. */
  let checkAt = Number.POSITIVE_INFINITY

  /** Another process may have removed slots, or changed how long they are. */
  const isDue = () => nowMs() - checkedAt >= CHECK_EVERY_MS || latestTime(time) >= checkAt

  return {
    async prepare(retention) {
      if (!isDue() || !backOff.isDue()) return false
      try {
        const due = await changeSlots(maintenance, (run) => makeDue(run, time, retention))
        if (due === null) return false
        checkedAt = nowMs()
        checkAt = due
        backOff.worked()
        return true
      } catch (error) {
        backOff.failed()
        // Somebody uses the tables, or has just stored a task of that time, by a clock that is far ahead.
        if (isLocked(error) || isOccupied(error)) return false
        throw error
      }
    },
  }
}

function latestTime(time: ServerTime): number {
  const [given, seen] = time.params()
  return given ?? seen
}

/** Makes the next slot if it is time; gives the time at which it will be again. */
async function makeDue(run: Run, time: ServerTime, retention: Retention): Promise<number> {
  const [row] = await run<[string]>('SELECT @server_now($1, $2)', time.params())
  const now = time.saw(row?.[0] as string)
  const last = (await allSlots(run)).at(-1)
  const width = await slotWidth(run, retention, last, now)
  const end = last?.toAt ?? 0
  const madeUntil = end < now + width / 2 ? await makeSlot(run, Math.max(end, now + AHEAD_MS), width) : end
  return madeUntil - width / 2
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

/** Spans that are looked at for one in which nothing is stored already. */
const LOOKS = 8

/** Gives where it ends. */
async function makeSlot(run: Run, wantedFrom: number, width: number): Promise<number> {
  let fromAt = Math.ceil(wantedFrom)
  for (let look = 0; look < LOOKS; look++) {
    const newest = await newestKept(run, fromAt, fromAt + width)
    if (newest === null) break
    // What is in the rest already, from a machine whose clock is ahead, stays there.
    fromAt = newest + 1
  }
  const made = { slot: await newSlotNumber(run), fromAt, toAt: Math.floor(fromAt + width) }
  await createSlotTables(run, made)
  await attachSlot(run, made)
  return made.toAt
}

/** Time of the newest task in the rest within a span of time; `null`: there is none. */
async function newestKept(run: Run, fromAt: number, toAt: number): Promise<number | null> {
  const [newest] = await run<[string]>(
    'SELECT id FROM @tasks_kept WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT 1',
    [firstIdAt(fromAt), firstIdAt(toAt)],
  )
  return newest === undefined ? null : timeOfId(newest[0])
}
