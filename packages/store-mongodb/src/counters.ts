import type { Clock } from '@taskyard/core'
import type { AnyBulkWriteOperation, Collection } from 'mongodb'
import { withDeadline } from './connect.ts'
import { COUNTERS, type Counter, type QueueDocument } from './documents.ts'

type Counts = Partial<Record<Counter, number>>

/** Differences by queue id. */
export type QueueCounts = Map<string, Counts>

export interface Counters {
  /**
   * Adds differences to the queues' counts. Resolves when they are written, or when that has failed: then they go with the
   * next write. What is counted is stored already, so that a failure here is none of the caller's call.
   */
  add(differences: QueueCounts, now: number): Promise<void>
  /** These queues' tasks may have changed without a count: a write to them failed, and may have been done all the same. */
  doubt(queues: Iterable<string>): void
  /** Writes what an earlier write could not. */
  flush(): Promise<void>
}

export function addCounts(to: QueueCounts, queue: string, counted: Readonly<Counts>): void {
  const counts = to.get(queue) ?? {}
  for (const counter of COUNTERS) {
    const difference = counted[counter]
    if (difference !== undefined) counts[counter] = (counts[counter] ?? 0) + difference
  }
  to.set(queue, counts)
}

/** Differences under a number of this process, so that writing them again after a lost reply adds them once. */
interface Write {
  readonly n: number
  readonly counts: QueueCounts
}

/** A call that takes longer is given up, and so is all that was to follow it: the write goes again, under its number. Milliseconds. */
const CALL_MS = 3_000

/**
 * Every queue's counts are one document, which the tasks' own updates cannot share: counts follow them in a second write.
 * One write at a time per process, so that many calls do not queue at the document. A process that dies in between leaves
 * the counts off by what it had just done, until they are compared with the tasks again (`verifyCounts`).
 * @param processWord letters and digits that no other process has
 */
export function createCounters(queues: Collection<QueueDocument>, processWord: string, clock: Clock): Counters {
  let pending: QueueCounts = new Map()
  let doubtful: ReadonlySet<string> = new Set()
  let latest = 0
  let lastNumber = 0
  let unconfirmed: Write | null = null
  let underWay: Promise<void> | null = null
  let next: Promise<void> | null = null

  async function write(): Promise<void> {
    if (doubtful.size > 0) await tellDoubts()
    if (unconfirmed !== null) await send(unconfirmed)
    if (pending.size === 0) return
    unconfirmed = { n: ++lastNumber, counts: pending }
    pending = new Map()
    await send(unconfirmed)
  }

  async function tellDoubts(): Promise<void> {
    const told = doubtful
    doubtful = new Set()
    const mark = () => queues.updateMany({ _id: { $in: [...told] } }, { $set: { isDoubtful: true } })
    try {
      await withDeadline(clock, CALL_MS, mark)
    } catch (error) {
      doubtful = doubtful.union(told)
      throw error
    }
  }

  async function send({ n, counts }: Write): Promise<void> {
    const changed = [...counts].filter(([, each]) => isChange(each))
    const update = () => queues.bulkWrite(changed.map(operationFor(n)), { ordered: false })
    if (changed.length > 0) await withDeadline(clock, CALL_MS, update)
    unconfirmed = null
  }

  function operationFor(n: number) {
    return ([_id, counts]: [string, Counts]): AnyBulkWriteOperation<QueueDocument> => {
      const $inc: Record<string, number> = { changes: 1 }
      for (const [counter, difference] of Object.entries(counts)) {
        if (difference !== 0) $inc[`counts.${counter}`] = difference
      }
      const written = `writes.${processWord}`
      const filter = { _id, [written]: { $not: { $gte: n } } }
      return {
        updateMany: { filter, update: { $inc, $set: { changedAt: latest, standing: 'changed', [written]: n } } },
      }
    }
  }

  function start(): Promise<void> {
    underWay = write()
      .catch(() => {})
      .finally(() => {
        underWay = null
      })
    return underWay
  }

  function flush(): Promise<void> {
    if (underWay === null) return hasNothing() ? Promise.resolve() : start()
    next ??= underWay.then(() => {
      next = null
      return start()
    })
    return next
  }

  function hasNothing(): boolean {
    return pending.size === 0 && unconfirmed === null && doubtful.size === 0
  }

  return {
    doubt(ids) {
      doubtful = doubtful.union(new Set(ids))
    },
    add(differences, now) {
      if (differences.size === 0) return Promise.resolve()
      latest = Math.max(latest, now)
      for (const [queue, counts] of differences) addCounts(pending, queue, counts)
      return flush()
    },
    flush,
  }
}

function isChange(counts: Counts): boolean {
  return Object.values(counts).some((difference) => difference !== 0)
}
