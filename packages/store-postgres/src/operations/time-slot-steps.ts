import type { Retention } from '@taskyard/core'
import type { StoreContext } from '../store-context.ts'
import { type Due, duePartitions, isWholeDue, type Partition, whatIsDue } from './retention.ts'
import type { TimeSlotAccess } from './time-slot-access.ts'
import { countRows, countTasks, DISSOLVED_ROWS, mustMostStay } from './time-slot-contents.ts'
import { dissolveSlots } from './time-slot-dissolve.ts'
import { beginRewrite, type Step, stepRewrite } from './time-slot-rewrite.ts'

/** A slot is looked at again after so long. Milliseconds. */
const LOOK_EVERY_MS = 60_000
const MOST_LOOKS = 1000
/** Slots dissolved at a time. */
const DISSOLVED_SLOTS = 8
/** So many old slots side by side become one, unless that has more tasks. */
const MERGED_SLOTS = 8
const MERGED_TASKS = 500_000
const DONE: Step = { removed: 0, locked: false }

/** Chooses what is next to be done with the slots, and does it. */
export class TimeSlotSteps {
  readonly #context: StoreContext
  readonly #access: TimeSlotAccess
  readonly #nowMs: () => number
  readonly #smallSlotBytes: number
  readonly #tooFull = new Map<number, boolean>()
  readonly #judged
  readonly #counted
  #mergedAt = Number.NEGATIVE_INFINITY

  /** @param nowMs a monotonic clock, ms */
  constructor(context: StoreContext, access: TimeSlotAccess, nowMs: () => number, smallSlotBytes: number) {
    this.#context = context
    this.#access = access
    this.#nowMs = nowMs
    this.#smallSlotBytes = smallSlotBytes
    this.#judged = createLooks(nowMs)
    this.#counted = createLooks(nowMs)
  }

  /** Whether a slot was found to hold too much that must stay. */
  isTooFull(slot: number): boolean {
    return this.#tooFull.get(slot) === true
  }

  /** `null`: nothing is left to be done. */
  async next(retention: Retention): Promise<Step | null> {
    const rewritten = await stepRewrite(this.#access)
    if (rewritten !== null) return rewritten
    const due = await whatIsDue(this.#context, retention)
    const all = (await duePartitions(this.#context.maintenance.run, due)).filter(({ suffix }) => suffix !== 'kept')
    const old = all.filter(({ toAt }) => toAt <= due.succeededUntil)
    return (await this.#rewriteWhole(all, due)) ?? (await this.#dissolve(old)) ?? (await this.#merge(old, due))
  }

  async #rewriteWhole(partitions: readonly Partition[], due: Due): Promise<Step | null> {
    let { excess } = due
    for (const partition of partitions) {
      if (!isWholeDue(partition, due, excess, this.#smallSlotBytes)) continue
      const isOld = partition.toAt <= due.succeededUntil
      const bounds = isOld ? due : { succeededUntil: due.now, failedUntil: due.now }
      if (!this.#judged.isRecent(partition.slot)) {
        const tooFull = await mustMostStay(this.#context.maintenance.run, partition, bounds)
        this.#judge(partition.slot, tooFull)
        if (!tooFull && (await beginRewrite(this.#access, [partition], bounds))) return DONE
      }
      if (!isOld && this.#tooFull.get(partition.slot) === false) excess -= partition.bytesOnDisk
    }
    return null
  }

  async #dissolve(old: readonly Partition[]): Promise<Step | null> {
    const chosen: number[] = []
    let rows = 0
    for (const { slot } of old.filter((partition) => !this.#counted.isRecent(partition.slot))) {
      const count = await countRows(this.#context.maintenance.run, slot)
      if (count <= DISSOLVED_ROWS && rows + count > DISSOLVED_ROWS) break
      this.#counted.note(slot)
      if (count > DISSOLVED_ROWS) continue
      chosen.push(slot)
      rows += count
      if (chosen.length === DISSOLVED_SLOTS) break
    }
    if (chosen.length === 0) return null
    return (await dissolveSlots(this.#access, chosen)) ? { removed: 0, locked: true } : null
  }

  async #merge(old: readonly Partition[], due: Due): Promise<Step | null> {
    if (this.#nowMs() - this.#mergedAt < LOOK_EVERY_MS) return null
    this.#mergedAt = this.#nowMs()
    let side: Partition[] = []
    let tasks = 0
    for (const partition of old) {
      const own = await countTasks(this.#context.maintenance.run, partition.slot, MERGED_TASKS + 1)
      const fits = tasks + own <= MERGED_TASKS && (side.length === 0 || side.at(-1)?.toAt === partition.fromAt)
      if (!fits && side.length >= MERGED_SLOTS) break
      side = fits ? [...side, partition] : [partition]
      tasks = fits ? tasks + own : own
    }
    if (side.length < MERGED_SLOTS) return null
    return (await beginRewrite(this.#access, side, due)) ? DONE : null
  }

  #judge(slot: number, tooFull: boolean): void {
    if (this.#tooFull.size >= MOST_LOOKS) this.#tooFull.clear()
    this.#tooFull.set(slot, tooFull)
    this.#judged.note(slot)
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
