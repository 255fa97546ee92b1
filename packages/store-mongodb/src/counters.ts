import type { AnyBulkWriteOperation, Collection } from 'mongodb'
import { COUNTERS, type Counter, type QueueDocument } from './documents.ts'

/** Differences by queue id. */
export type QueueCounts = Map<string, Partial<Record<Counter, number>>>

export interface Counters {
  /** Adds differences to the queues' counts; resolves when they are written. Calls that come together share a write. */
  add(differences: QueueCounts, now: number): Promise<void>
}

export function addCounts(to: QueueCounts, queue: string, counted: Readonly<Partial<Record<Counter, number>>>): void {
  const counts = to.get(queue) ?? {}
  for (const counter of COUNTERS) {
    const difference = counted[counter]
    if (difference !== undefined) counts[counter] = (counts[counter] ?? 0) + difference
  }
  to.set(queue, counts)
}

/**
 * Every queue's counts are one document, which the tasks' own updates cannot share: counts follow them in a second write.
 * One write at a time per process, so that many calls do not queue at the document. A process that dies in between leaves
 * the counts off by what it had just done, until they are compared with the tasks again (`verifyCounts`).
 */
export function createCounters(queues: Collection<QueueDocument>): Counters {
  let pending: QueueCounts = new Map()
  let latest = 0
  let underWay: Promise<void> | null = null
  let next: Promise<void> | null = null

  async function write(): Promise<void> {
    const operations = [...pending].filter(([, counts]) => isChange(counts)).map(operationFor)
    pending = new Map()
    if (operations.length > 0) await queues.bulkWrite(operations, { ordered: false })
  }

  function operationFor([_id, counts]: [
    string,
    Partial<Record<Counter, number>>,
  ]): AnyBulkWriteOperation<QueueDocument> {
    const $inc: Record<string, number> = { changes: 1 }
    for (const [counter, difference] of Object.entries(counts))
      if (difference !== 0) $inc[`counts.${counter}`] = difference
    return { updateMany: { filter: { _id }, update: { $inc, $set: { changedAt: latest } } } }
  }

  function start(): Promise<void> {
    underWay = write().finally(() => {
      underWay = null
    })
    return underWay
  }

  return {
    add(differences, now) {
      latest = Math.max(latest, now)
      for (const [queue, counts] of differences) addCounts(pending, queue, counts)
      if (underWay === null) return start()
      next ??= underWay
        .catch(() => {})
        .then(() => {
          next = null
          return start()
        })
      return next
    },
  }
}

function isChange(counts: Partial<Record<Counter, number>>): boolean {
  return Object.values(counts).some((difference) => difference !== 0)
}
