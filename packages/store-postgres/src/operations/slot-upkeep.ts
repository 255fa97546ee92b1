import type { Retention } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { createBackOff } from '../back-off.ts'
import type { Parts } from '../parts.ts'
import { isLocked } from '../postgres-errors.ts'
import { type Due, duePartitions, isWholeDue, type Partition, type WholeSlots, whatIsDue } from './retention.ts'
import type { SlotAccess } from './slot-access.ts'
import { countRows, countTasks, DISSOLVED_ROWS, mustMostStay } from './slot-contents.ts'
import { dissolveSlots } from './slot-dissolve.ts'
import { beginRewrite, type Step, stepRewrite } from './slot-rewrite.ts'

export interface SlotUpkeep extends WholeSlots {
  /** Rewrites and dissolves slots until nothing is left to be done; `false` when it is not yet time to try again. */
  run(retention: Retention): Promise<boolean>
  /** Tasks that are gone since the last call. */
  takeRemoved(): number
  /** `run` ends after the step under way. */
  stop(): void
}

/** A slot is looked at again after so long. Milliseconds. */
const LOOK_EVERY_MS = 60_000
const MOST_LOOKS = 1000
/** Between two steps that lock everybody out for a moment. */
const BETWEEN_LOCKS_MS = 500
/** Slots dissolved at a time. */
const DISSOLVED_SLOTS = 8
/** So many old slots side by side become one, unless that has more tasks. */
const MERGED_SLOTS = 8
const MERGED_TASKS = 500_000
/** A process that cares for the slots and dies is followed by another one after so long. */
const KEEPER_MS = 60_000

const DONE: Step = { removed: 0, locked: false }

/**
 * Cares for slots that are old: rewrites them when they are mostly over, moves what little is left of others to the rest, and
 * makes one of many. One process does so at a time.
 * @param processId of this process among those that sweep
 * @param nowMs a monotonic clock, ms
 */
export function createSlotUpkeep(
  parts: Parts,
  access: SlotAccess,
  processId: string,
  nowMs: () => number,
  smallSlotBytes: number,
): SlotUpkeep {
  const { maintenance } = parts
  const backOff = createBackOff(nowMs)
  const isTooFull = new Map<number, boolean>()
  const judged = createLooks(nowMs)
  const counted = createLooks(nowMs)
  let removed = 0
  let mergedAt = Number.NEGATIVE_INFINITY
  let stopped = false
  let wake = () => {}

  function judge(slot: number, tooFull: boolean): void {
    if (isTooFull.size >= MOST_LOOKS) isTooFull.clear()
    isTooFull.set(slot, tooFull)
    judged.note(slot)
  }

  async function careForOld(retention: Retention): Promise<void> {
    while (!stopped && (await isKeeper(parts, processId))) {
      const startedAt = nowMs()
      const done = await step(retention)
      backOff.worked()
      if (done === null) return
      removed += done.removed
      await rest(done.locked ? BETWEEN_LOCKS_MS : nowMs() - startedAt)
    }
  }

  /** `null`: nothing is left to be done. */
  async function step(retention: Retention): Promise<Step | null> {
    const rewritten = await stepRewrite(access)
    if (rewritten !== null) return rewritten
    const due = await whatIsDue(parts, retention)
    const all = (await duePartitions(maintenance.run, due)).filter(({ suffix }) => suffix !== 'kept')
    const old = all.filter(({ toAt }) => toAt <= due.succeededUntil)
    return (await rewriteWhole(all, due)) ?? (await dissolve(old)) ?? (await merge(old, due))
  }

  async function rewriteWhole(partitions: readonly Partition[], due: Due): Promise<Step | null> {
    let { excess } = due
    for (const partition of partitions) {
      if (!isWholeDue(partition, due, excess, smallSlotBytes)) continue
      const isOld = partition.toAt <= due.succeededUntil
      const bounds = isOld ? due : { succeededUntil: due.now, failedUntil: due.now }
      if (!judged.isRecent(partition.slot)) {
        const tooFull = await mustMostStay(maintenance.run, partition, bounds)
        judge(partition.slot, tooFull)
        if (!tooFull && (await beginRewrite(access, [partition], bounds))) return DONE
      }
      if (!isOld && isTooFull.get(partition.slot) === false) excess -= partition.bytesOnDisk
    }
    return null
  }

  async function dissolve(old: readonly Partition[]): Promise<Step | null> {
    const chosen: number[] = []
    let rows = 0
    for (const { slot } of old.filter((partition) => !counted.isRecent(partition.slot))) {
      const count = await countRows(maintenance.run, slot)
      if (count <= DISSOLVED_ROWS && rows + count > DISSOLVED_ROWS) break
      counted.note(slot)
      if (count > DISSOLVED_ROWS) continue
      chosen.push(slot)
      rows += count
      if (chosen.length === DISSOLVED_SLOTS) break
    }
    if (chosen.length === 0) return null
    return (await dissolveSlots(access, chosen)) ? { removed: 0, locked: true } : null
  }

  async function merge(old: readonly Partition[], due: Due): Promise<Step | null> {
    if (nowMs() - mergedAt < LOOK_EVERY_MS) return null
    mergedAt = nowMs()
    let side: Partition[] = []
    let tasks = 0
    for (const partition of old) {
      const own = await countTasks(maintenance.run, partition.slot, MERGED_TASKS + 1)
      const fits = tasks + own <= MERGED_TASKS && (side.length === 0 || side.at(-1)?.toAt === partition.fromAt)
      if (!fits && side.length >= MERGED_SLOTS) break
      side = fits ? [...side, partition] : [partition]
      tasks = fits ? tasks + own : own
    }
    if (side.length < MERGED_SLOTS) return null
    return (await beginRewrite(access, side, due)) ? DONE : null
  }

  // In real time, in which the calls of others go on, whatever clock the tasks go by.
  async function rest(ms: number): Promise<void> {
    if (stopped) return
    const { promise, resolve } = Promise.withResolvers<void>()
    wake = resolve
    const cancel = systemClock.after(ms, resolve)
    await promise
    cancel()
  }

  return {
    isTooFull: (slot) => isTooFull.get(slot) === true,
    takeRemoved() {
      const taken = removed
      removed = 0
      return taken
    },
    stop() {
      stopped = true
      wake()
    },
    async run(retention) {
      if (!backOff.isDue()) return false
      try {
        await careForOld(retention)
        return true
      } catch (error) {
        backOff.failed()
        if (isLocked(error)) return false
        throw error
      }
    },
  }
}

/** Which slots have been looked at lately. */
function createLooks(nowMs: () => number) {
  const looks = new Map<number, number>()
  return {
    note(slot: number) {
      if (looks.size >= MOST_LOOKS) looks.clear()
      looks.set(slot, nowMs())
    },
    isRecent: (slot: number) => nowMs() - (looks.get(slot) ?? Number.NEGATIVE_INFINITY) < LOOK_EVERY_MS,
  }
}

/** By this server's own clock, whatever replaces it elsewhere: it is about processes, not tasks. */
async function isKeeper({ maintenance }: Parts, processId: string): Promise<boolean> {
  const [mine] = await maintenance.run(
    `UPDATE @slot_keeper SET process = $1, until = clock.now + ${KEEPER_MS}
     FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now) AS clock
     WHERE process = $1 OR until < clock.now RETURNING until`,
    [processId],
  )
  return mine !== undefined
}
