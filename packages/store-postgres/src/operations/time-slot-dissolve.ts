import type { Run } from '../database.ts'
import type { TimeSlotAccess } from './time-slot-access.ts'
import { countRows, DISSOLVED_ROWS } from './time-slot-contents.ts'
import { slotsUnderRewrite } from './time-slot-rewrite.ts'
import {
  allTimeSlots,
  detachSlots,
  dropSlotTables,
  lockSlots,
  runAll,
  SLOTTED_TABLES,
  type TimeSlot,
} from './time-slot-tables.ts'

/** What is left of slots moves to the rest, and they are gone; `false` when that is too much by now. */
export async function dissolveSlots({ changeLocked }: TimeSlotAccess, slots: readonly number[]): Promise<boolean> {
  const dissolved = await changeLocked(async (run) => {
    if (!(await mayDissolve(run, slots))) return false
    await lockSlots(run, slots)
    let rows = 0
    for (const slot of slots) rows += await countRows(run, slot)
    if (rows > DISSOLVED_ROWS) return false
    await detachSlots(run, slots)
    await runAll(
      run,
      slots.flatMap((slot) =>
        SLOTTED_TABLES.map((table) => `INSERT INTO @${table}_kept SELECT * FROM @${table}_s${slot}`),
      ),
    )
    await dropSlotTables(run, slots)
    return true
  })
  return dissolved ?? false
}

async function mayDissolve(run: Run, wanted: readonly number[]): Promise<boolean> {
  const there: readonly TimeSlot[] = await allTimeSlots(run)
  const isThere = wanted.every((number) => there.some(({ slot }) => slot === number))
  return isThere && (await slotsUnderRewrite(run)).length === 0
}
