import type { Retention } from '@taskyard/core'
import { createBackOff } from '../back-off.ts'
import type { Run } from '../database.ts'
import { firstIdAt, timeOfId } from '../id-times.ts'
import type { Maintenance } from '../maintenance.ts'
import { isLocked, isOccupied } from '../postgres-errors.ts'
import type { ServerTime } from '../server-time.ts'
import type { StoreContext } from '../store-context.ts'
import type { TimeSlotAccess } from './time-slot-access.ts'
import { longestProof, proveOutside } from './time-slot-proof.ts'
import {
  allTimeSlots,
  attachSlot,
  createSlotTables,
  newSlotNumber,
  type Span,
  type TimeSlot,
} from './time-slot-tables.ts'

export interface TimeSlots {
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
export function createTimeSlots(
  { time }: Pick<StoreContext, 'time'>,
  access: TimeSlotAccess,
  nowMs: () => number,
): TimeSlots {
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
        const { wanted, width } = await planSlot(access.maintenance, time, retention)
        if (wanted !== null && !(await makeSlot(access, wanted))) return false
        checkedAt = nowMs()
        const last = wanted ?? (await lastSlot(access.maintenance.run))
        checkAt = (last?.toAt ?? Number.POSITIVE_INFINITY) - width / 2
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

interface Plan {
  readonly width: number
  /** `null`: it is not yet time for another one. */
  readonly wanted: Span | null
}

async function planSlot(maintenance: Maintenance, time: ServerTime, retention: Retention): Promise<Plan> {
  const { run } = maintenance
  const [row] = await run<[string]>('SELECT @server_now($1, $2)', time.params())
  const now = time.saw(row?.[0] as string)
  const last = await lastSlot(run)
  const width = await slotWidth(run, retention, last, now)
  const end = last?.toAt ?? 0
  if (end >= now + width / 2) return { width, wanted: null }
  const soonest = now + AHEAD_MS + (await longestProof(maintenance))
  return { width, wanted: await freeSpan(run, Math.max(end, soonest), width) }
}

async function lastSlot(run: Run): Promise<TimeSlot | undefined> {
  return (await allTimeSlots(run)).at(-1)
}

async function slotWidth(
  run: Run,
  { succeededSeconds }: Retention,
  last: TimeSlot | undefined,
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

async function freeSpan(run: Run, wantedFrom: number, width: number): Promise<Span> {
  let fromAt = Math.ceil(wantedFrom)
  for (let look = 0; look < LOOKS; look++) {
    const newest = await newestKept(run, fromAt, fromAt + width)
    if (newest === null) break
    // What is in the rest already, from a machine whose clock is ahead, stays there.
    fromAt = newest + 1
  }
  return { fromAt, toAt: Math.floor(fromAt + width) }
}

/** `false` when that has to wait. */
async function makeSlot(access: TimeSlotAccess, span: Span): Promise<boolean> {
  if (!(await proveOutside(access, 'outside_new', span))) return false
  const made = await access.changeLocked(async (run) => {
    const last = await lastSlot(run)
    // Another process has made one.
    if (last !== undefined && last.toAt > span.fromAt) return true
    const slot = { ...span, slot: await newSlotNumber(run) }
    await createSlotTables(run, slot)
    await attachSlot(run, slot, 'outside_new')
    return true
  })
  return made === true
}

/** Time of the newest task in the rest within a span of time; `null`: there is none. */
async function newestKept(run: Run, fromAt: number, toAt: number): Promise<number | null> {
  const [newest] = await run<[string]>(
    'SELECT id FROM @tasks_kept WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT 1',
    [firstIdAt(fromAt), firstIdAt(toAt)],
  )
  return newest === undefined ? null : timeOfId(newest[0])
}
