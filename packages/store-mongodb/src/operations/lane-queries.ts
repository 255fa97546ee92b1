import type { ClaimParams } from '@taskyard/core'
import type { Filter } from 'mongodb'
import type { Database } from '../database.ts'
import { type QueueDocument, queueId } from '../documents.ts'
import { idIn } from '../write-transitions.ts'
import type { LaneQuery } from './lane-heads.ts'
import { countOf } from './oldest-ready.ts'

/** Lanes in one query: MongoDB merges up to 200 index ranges in order and sorts in memory beyond. */
const LANES_PER_QUERY = 200
/** Ready tasks of paused queues, and such queues, that a claim of every queue passes over; where there are more, it names the others. */
const MOST_PASSED_OVER = 1000

interface Lanes {
  readonly queue: string
  readonly types: readonly string[]
}

/** Queries that together find what a claim may take; none when there can be nothing. */
export async function laneQueries(
  database: Database,
  { namespace, queues, types }: ClaimParams,
): Promise<readonly LaneQuery[]> {
  if (queues?.length === 0 || types?.length === 0) return []
  const distinct = types === null ? null : [...new Set(types)]
  const ofEvery = queues === null ? await everyQueue(database, namespace, distinct) : null
  return ofEvery ?? inQueries(await openLanes(database, wantedQueues(namespace, queues, distinct), distinct))
}

/** One query per range of types, whatever the number of queues; `null` where too much would have to be passed over. */
async function everyQueue(
  { queues }: Database,
  namespace: string,
  types: readonly string[] | null,
): Promise<readonly LaneQuery[] | null> {
  const projection = { queue: 1, counts: 1 } as const
  const paused = await queues.find({ namespace, paused: true }, { projection }).toArray()
  const waiting = paused.reduce((sum, queue) => sum + countOf(queue, 'queued'), 0)
  if (Math.max(paused.length, waiting) > MOST_PASSED_OVER) return null
  const open = paused.length === 0 ? {} : { queue: { $nin: paused.map(({ queue }) => queue) } }
  if (types === null) return [open]
  return slices(types).map((some) => ({ ...open, type: oneOrIn(some) }))
}

async function openLanes(
  { queues }: Database,
  wanted: Filter<QueueDocument>,
  types: readonly string[] | null,
): Promise<readonly Lanes[]> {
  const projection = { queue: 1, types: 1, paused: 1 } as const
  const found = await queues.find(wanted, { projection }).toArray()
  const ofClaim = types === null ? null : new Set(types)
  return found
    .filter(({ paused }) => paused !== true)
    .map(({ queue, types: known = [] }) => ({ queue, types: known.filter((type) => ofClaim?.has(type) ?? true) }))
    .filter(({ types: ofQueue }) => ofQueue.length > 0)
}

function wantedQueues(
  namespace: string,
  queues: readonly string[] | null,
  types: readonly string[] | null,
): Filter<QueueDocument> {
  if (queues !== null) return idIn([...new Set(queues)].map((queue) => queueId(namespace, queue)))
  return types === null ? { namespace } : { namespace, types: { $in: [...types] } }
}

// Queues of the same types share a query; a type that a queue has never had costs one empty index range.
function inQueries(lanes: readonly Lanes[]): readonly LaneQuery[] {
  const queries: LaneQuery[] = []
  const alike = Map.groupBy(lanes, ({ types }) => [...types].sort().join())
  for (const group of alike.values()) {
    for (const some of slices((group[0] as Lanes).types)) {
      const queuesPerQuery = Math.max(1, Math.floor(LANES_PER_QUERY / some.length))
      for (let q = 0; q < group.length; q += queuesPerQuery) {
        const queues = group.slice(q, q + queuesPerQuery).map(({ queue }) => queue)
        queries.push({ queue: oneOrIn(queues), type: oneOrIn(some) })
      }
    }
  }
  return queries
}

function slices(types: readonly string[]): readonly (readonly string[])[] {
  const count = Math.ceil(types.length / LANES_PER_QUERY)
  return Array.from({ length: count }, (_, n) => types.slice(n * LANES_PER_QUERY, (n + 1) * LANES_PER_QUERY))
}

function oneOrIn(values: readonly string[]): string | { $in: string[] } {
  return values.length === 1 ? (values[0] as string) : { $in: [...values] }
}
