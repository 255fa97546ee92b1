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

/** Adds differences of one queue (its `queueId`) to those collected so far. */
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
  return new WrittenCounters(queues, processWord, clock)
}

class WrittenCounters implements Counters {
  readonly #queues: Collection<QueueDocument>
  readonly #processWord: string
  readonly #clock: Clock
  #pending: QueueCounts = new Map()
  #doubtful: ReadonlySet<string> = new Set()
  #latest = 0
  #lastNumber = 0
  #unconfirmed: Write | null = null
  #underWay: Promise<void> | null = null
  #next: Promise<void> | null = null

  constructor(queues: Collection<QueueDocument>, processWord: string, clock: Clock) {
    this.#queues = queues
    this.#processWord = processWord
    this.#clock = clock
  }

  doubt(ids: Iterable<string>): void {
    this.#doubtful = this.#doubtful.union(new Set(ids))
  }

  add(differences: QueueCounts, now: number): Promise<void> {
    if (differences.size === 0) return Promise.resolve()
    this.#latest = Math.max(this.#latest, now)
    for (const [queue, counts] of differences) addCounts(this.#pending, queue, counts)
    return this.flush()
  }

  flush(): Promise<void> {
    if (this.#underWay === null) return this.#hasNothing() ? Promise.resolve() : this.#start()
    this.#next ??= this.#underWay.then(() => {
      this.#next = null
      return this.#start()
    })
    return this.#next
  }

  #hasNothing(): boolean {
    return this.#pending.size === 0 && this.#unconfirmed === null && this.#doubtful.size === 0
  }

  #start(): Promise<void> {
    this.#underWay = this.#write()
      .catch(() => {})
      .finally(() => {
        this.#underWay = null
      })
    return this.#underWay
  }

  async #write(): Promise<void> {
    if (this.#doubtful.size > 0) await this.#tellDoubts()
    if (this.#unconfirmed !== null) await this.#send(this.#unconfirmed)
    if (this.#pending.size === 0) return
    this.#unconfirmed = { n: ++this.#lastNumber, counts: this.#pending }
    this.#pending = new Map()
    await this.#send(this.#unconfirmed)
  }

  async #tellDoubts(): Promise<void> {
    const told = this.#doubtful
    this.#doubtful = new Set()
    const mark = () => this.#queues.updateMany({ _id: { $in: [...told] } }, { $set: { isDoubtful: true } })
    try {
      await withDeadline(this.#clock, CALL_MS, mark)
    } catch (error) {
      this.#doubtful = this.#doubtful.union(told)
      throw error
    }
  }

  async #send({ n, counts }: Write): Promise<void> {
    const changed = [...counts].filter(([, each]) => isChange(each))
    const operations = () => changed.map(([queue, counted]) => this.#operation(n, queue, counted))
    const update = () => this.#queues.bulkWrite(operations(), { ordered: false })
    if (changed.length > 0) await withDeadline(this.#clock, CALL_MS, update)
    this.#unconfirmed = null
  }

  #operation(n: number, _id: string, counts: Counts): AnyBulkWriteOperation<QueueDocument> {
    const $inc: Record<string, number> = { changes: 1 }
    for (const [counter, difference] of Object.entries(counts)) {
      if (difference !== 0) $inc[`counts.${counter}`] = difference
    }
    const written = `writes.${this.#processWord}`
    const filter = { _id, [written]: { $not: { $gte: n } } }
    const $set = { changedAt: this.#latest, standing: 'changed' as const, [written]: n }
    return { updateMany: { filter, update: { $inc, $set } } }
  }
}

function isChange(counts: Counts): boolean {
  return Object.values(counts).some((difference) => difference !== 0)
}
