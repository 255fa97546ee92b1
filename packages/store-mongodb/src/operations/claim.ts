import type { ClaimParams, LeasedTask } from '@taskyard/core'
import type { AnyBulkWriteOperation } from 'mongodb'
import { addCounts, type QueueCounts } from '../counters.ts'
import type { Database } from '../database.ts'
import { type Holder, leasedTaskFrom, queueId, type TaskDocument } from '../documents.ts'
import { idIn } from '../moves.ts'
import { promoteDue } from './promote.ts'

/** A claim stops early once its payloads reach this, so that a thousand large tasks do not fill the memory. */
const PAYLOAD_BYTES_PER_CLAIM = 8 * 1024 * 1024
/** Lanes in one query: MongoDB merges up to 200 index ranges in order and sorts in memory beyond. */
const LANES_PER_QUERY = 200
/** Rounds in which other processes may be quicker before a claim goes away with what it has. */
const MOST_ROUNDS = 30

type Candidate = Pick<
  TaskDocument,
  '_id' | 'namespace' | 'queue' | 'priority' | 'runAt' | 'timeoutSeconds' | 'payloadBytes'
>
const CANDIDATE = { namespace: 1, queue: 1, priority: 1, runAt: 1, timeoutSeconds: 1, payloadBytes: 1 } as const

/**
 * Reads the head of the line, marks it with one conditional update per task under a word of this claim's own, and reads
 * back what bears that word: of several claimers that want the same task, one marks it.
 */
export async function claim(database: Database, params: ClaimParams, now: number): Promise<LeasedTask[]> {
  const [lanes] = await Promise.all([claimableLanes(database, params), promoteDue(database, now)])
  const claimed: LeasedTask[] = []
  if (lanes.length === 0) return claimed
  let bytes = 0
  let losses = 0
  for (let round = 0; round < MOST_ROUNDS && claimed.length < params.limit; round++) {
    const wanted = params.limit - claimed.length
    const { heads, isAll } = await readHeads(database, params, lanes, wanted * (1 + Math.min(losses, 4)))
    const picked = pick(database, losses === 0 ? heads : skipSome(database, heads, wanted), wanted, bytes)
    if (picked.length === 0 && isAll) break
    const marked = await mark(database, picked, params, now)
    claimed.push(...marked)
    bytes += picked.reduce((sum, { payloadBytes }) => sum + payloadBytes, 0)
    if (marked.length < picked.length) losses += 1
    else if (bytes >= PAYLOAD_BYTES_PER_CLAIM || (isAll && picked.length < wanted && losses === 0)) break
  }
  return claimed
}

// Who lost tasks to another process begins a little further on next time, so that the two do not meet again.
function skipSome(database: Database, heads: readonly Candidate[], wanted: number): readonly Candidate[] {
  const spare = Math.max(0, heads.length - wanted)
  return heads.slice(Math.floor(database.random() * (spare + 1)))
}

interface Lanes {
  readonly queue: string
  readonly types: readonly string[]
}

async function claimableLanes(
  database: Database,
  { namespace, queues, types }: ClaimParams,
): Promise<readonly Lanes[]> {
  const ids = [...new Set(queues)].map((queue) => queueId(namespace, queue))
  if (ids.length === 0 || types?.length === 0) return []
  const projection = { queue: 1, types: 1, paused: 1 } as const
  const found = await database.queues.find(idIn(ids), { projection }).toArray()
  const wanted = types === null ? null : new Set(types)
  return found
    .filter(({ paused }) => paused !== true)
    .map(({ queue, types: known = [] }) => ({ queue, types: known.filter((type) => wanted?.has(type) ?? true) }))
    .filter(({ types: ofQueue }) => ofQueue.length > 0)
}

/** The best of all lanes, some more than wanted: what this process's other claims are marking is passed over. */
async function readHeads(
  database: Database,
  { namespace }: ClaimParams,
  lanes: readonly Lanes[],
  wanted: number,
): Promise<{ heads: readonly Candidate[]; isAll: boolean }> {
  const limit = wanted + database.beingClaimed.size
  const pages = await Promise.all(
    inQueries(lanes).map(({ queues, types }) =>
      database.tasks
        .find(
          { state: 'queued', namespace, queue: oneOrIn(queues), type: oneOrIn(types) },
          { projection: CANDIDATE, readConcern: { level: 'local' } },
        )
        .sort({ priority: -1, runAt: 1, _id: 1 })
        .limit(limit)
        .toArray(),
    ),
  )
  const heads = pages.flat()
  if (pages.length > 1) heads.sort(inOrder)
  return { heads, isAll: pages.every((page) => page.length < limit) }
}

// Queues of the same types share a query; a type that a queue has never had costs one empty index range.
function inQueries(lanes: readonly Lanes[]): { queues: readonly string[]; types: readonly string[] }[] {
  const queries: { queues: string[]; types: readonly string[] }[] = []
  const alike = Map.groupBy(lanes, ({ types }) => [...types].sort().join())
  for (const group of alike.values()) {
    const types = (group[0] as Lanes).types
    for (let t = 0; t < types.length; t += LANES_PER_QUERY) {
      const some = types.slice(t, t + LANES_PER_QUERY)
      const queuesPerQuery = Math.max(1, Math.floor(LANES_PER_QUERY / some.length))
      for (let q = 0; q < group.length; q += queuesPerQuery) {
        queries.push({ queues: group.slice(q, q + queuesPerQuery).map(({ queue }) => queue), types: some })
      }
    }
  }
  return queries
}

function oneOrIn(values: readonly string[]): string | { $in: string[] } {
  return values.length === 1 ? (values[0] as string) : { $in: [...values] }
}

function inOrder(one: Candidate, other: Candidate): number {
  if (one.priority !== other.priority) return other.priority - one.priority
  if (one.runAt !== other.runAt) return one.runAt - other.runAt
  return one._id < other._id ? -1 : 1
}

function pick(database: Database, heads: readonly Candidate[], wanted: number, bytesBefore: number): Candidate[] {
  const picked: Candidate[] = []
  let bytes = bytesBefore
  for (const head of heads) {
    if (picked.length === wanted || bytes >= PAYLOAD_BYTES_PER_CLAIM) break
    if (database.beingClaimed.has(head._id)) continue
    picked.push(head)
    bytes += head.payloadBytes
  }
  return picked
}

async function mark(
  database: Database,
  picked: readonly Candidate[],
  params: ClaimParams,
  now: number,
): Promise<LeasedTask[]> {
  if (picked.length === 0) return []
  const ids = picked.map(({ _id }) => _id)
  for (const id of ids) database.beingClaimed.add(id)
  try {
    const word = database.nextMark()
    const { matchedCount } = await database.tasks.bulkWrite(markings(picked, params, word, now), { ordered: false })
    if (matchedCount === 0) return []
    const mine = await database.tasks.find({ ...idIn(ids), mark: word }, { projection: { tail: 0 } }).toArray()
    await count(database, mine, now)
    const place = new Map(ids.map((id, index) => [id, index]))
    mine.sort((one, other) => (place.get(one._id) as number) - (place.get(other._id) as number))
    return mine.map((task) => leasedTaskFrom(task as TaskDocument, now))
  } finally {
    for (const id of ids) database.beingClaimed.delete(id)
  }
}

// The deadline is the one thing that differs between the tasks of a claim: one statement for each timeout in use.
function markings(
  picked: readonly Candidate[],
  { namespace, worker, leaseMs }: ClaimParams,
  mark: string,
  now: number,
): AnyBulkWriteOperation<TaskDocument>[] {
  const holder = JSON.stringify([namespace, worker.workerId, worker.nodeId, worker.session] satisfies Holder)
  const byTimeout = Map.groupBy(picked, ({ timeoutSeconds }) => timeoutSeconds)
  return [...byTimeout].map(([timeoutSeconds, tasks]) => {
    const expiresAt = now + leaseMs
    const deadlineAt = timeoutSeconds === null ? null : now + Math.round(timeoutSeconds * 1000)
    const $set = {
      state: 'running',
      mark,
      holder,
      workerId: worker.workerId,
      startedAt: now,
      expiresAt,
      ...(deadlineAt === null ? {} : { deadlineAt }),
      wakeAt: Math.min(expiresAt, deadlineAt ?? expiresAt),
      attemptLines: 0,
      result: null,
      error: null,
      progress: null,
    }
    const filter = { ...idIn(tasks.map(({ _id }) => _id)), state: 'queued' }
    return { updateMany: { filter, update: { $set, $inc: { token: 1, attempt: 1 } } } }
  }) as AnyBulkWriteOperation<TaskDocument>[]
}

async function count(database: Database, tasks: readonly Pick<TaskDocument, 'namespace' | 'queue'>[], now: number) {
  const counts: QueueCounts = new Map()
  for (const { namespace, queue } of tasks) addCounts(counts, queueId(namespace, queue), { queued: -1, running: 1 })
  await database.counters.add(counts, now)
}
