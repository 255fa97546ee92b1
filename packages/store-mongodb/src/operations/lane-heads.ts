import { LIMITS, type Random, SUSPECT_CRASHES, untilBytes, untilSuspect } from '@taskyard/core'
import type { Filter } from 'mongodb'
import type { Collections } from '../collections.ts'
import type { TaskDocument } from '../documents.ts'

/** How far beyond its turn a process looks that has met another one; each time it does not, half as far. */
const FARTHEST = 4
/** A read that takes longer is not waited for by those who come then: it may never end. Milliseconds. */
const LONG_READ_MS = 2_000

/** Ready tasks of some lanes of a namespace; what is missing is all there are. */
export type LaneQuery = Pick<Filter<TaskDocument>, 'queue' | 'type'>

export type LaneHead = Omit<TaskDocument, 'tail'>

export interface LaneHeads {
  /** Hands out ready tasks in order, each to one caller of this process until it is `done` with it. */
  take(namespace: string, lanes: readonly LaneQuery[], wanted: number): Promise<readonly LaneHead[]>
  /** The caller has marked them; `lost` of them another process was quicker with. */
  done(heads: readonly LaneHead[], lost: number): void
}

interface Waiting {
  readonly wanted: number
  resolve(heads: readonly LaneHead[]): void
  reject(error: unknown): void
}

/**
 * Reads the heads of lanes for all claims of this process together: claims that come while a read is under way share the
 * next one, so that they neither read the same heads nor want the same tasks.
 */
export function createLaneHeads(tasks: Collections['tasks'], random: Random, monotonic: () => number): LaneHeads {
  const beingMarked = new Set<string>()
  const queues = new Map<string, { waiting: Waiting[]; readSince: number }>()
  let distance = 0

  async function serve(key: string, namespace: string, lanes: readonly LaneQuery[], first: Waiting): Promise<void> {
    const queue = { waiting: [first], readSince: 0 }
    queues.set(key, queue)
    while (queue.waiting.length > 0) {
      const { waiting } = queue
      queue.waiting = []
      queue.readSince = monotonic()
      try {
        const wanted = waiting.reduce((sum, each) => sum + each.wanted, 0)
        distribute(await read(namespace, lanes, wanted), waiting)
      } catch (error) {
        for (const { reject } of waiting) reject(error)
      }
    }
    if (queues.get(key) === queue) queues.delete(key)
  }

  async function read(namespace: string, lanes: readonly LaneQuery[], wanted: number): Promise<LaneHead[]> {
    const limit = wanted + beingMarked.size + Math.ceil(wanted * distance)
    const pages = await Promise.all(lanes.map((query) => readPage(tasks, namespace, query, limit)))
    const heads = pages.flat().filter(({ _id }) => !beingMarked.has(_id))
    if (pages.length > 1) heads.sort(inOrder)
    // Who has met another process begins somewhere behind the first, so that the two do not meet again.
    const spare = distance === 0 ? 0 : Math.max(0, heads.length - wanted)
    return spare === 0 ? heads : heads.slice(Math.floor(random() * (spare + 1)))
  }

  function distribute(heads: readonly LaneHead[], waiting: readonly Waiting[]): void {
    let at = 0
    for (const { wanted, resolve } of waiting) {
      const some = toBeGiven(heads.slice(at, at + wanted))
      at += some.length
      for (const { _id } of some) beingMarked.add(_id)
      resolve(some)
    }
  }

  return {
    take(namespace, lanes, wanted) {
      const key = JSON.stringify([namespace, lanes])
      return new Promise((resolve, reject) => {
        const queue = queues.get(key)
        const mine = { wanted, resolve, reject }
        if (queue !== undefined && monotonic() - queue.readSince < LONG_READ_MS) queue.waiting.push(mine)
        else void serve(key, namespace, lanes, mine)
      })
    },
    done(heads, lost) {
      for (const { _id } of heads) beingMarked.delete(_id)
      if (lost > 0) distance = Math.min(FARTHEST, distance + 1)
      else if (heads.length > 0) distance = distance < 0.1 ? 0 : distance / 2
    },
  }
}

/** Two of its attempts crashed: it is given out alone. */
export function isSuspect({ crashes }: Pick<TaskDocument, 'crashes'>): boolean {
  return crashes >= SUSPECT_CRASHES
}

function toBeGiven(heads: readonly LaneHead[]): readonly LaneHead[] {
  const some = untilBytes(heads, LIMITS.claimBytes, ({ payloadBytes }) => payloadBytes)
  return untilSuspect(some, ({ crashes }) => crashes)
}

/** One answer of the server, which is never over 16 MB: more than a claim hands out, whatever the payloads. */
async function readPage(
  tasks: Collections['tasks'],
  namespace: string,
  query: LaneQuery,
  limit: number,
): Promise<readonly LaneHead[]> {
  const cursor = tasks
    .find(
      { state: 'queued', namespace, ...query },
      { projection: { tail: 0 }, readConcern: { level: 'local' }, batchSize: limit },
    )
    .sort({ priority: -1, runAt: 1, _id: 1 })
    .limit(limit)
  const page: LaneHead[] = []
  let bytes = 0
  for await (const head of cursor) {
    page.push(head)
    bytes += head.payloadBytes
    if (bytes >= LIMITS.claimBytes) break
  }
  return page
}

/** Compares ready tasks as claims want them: higher priority, then readiness, then id. */
export function inOrder(one: LaneHead, other: LaneHead): number {
  if (one.priority !== other.priority) return other.priority - one.priority
  if (one.runAt !== other.runAt) return one.runAt - other.runAt
  return one._id < other._id ? -1 : 1
}
