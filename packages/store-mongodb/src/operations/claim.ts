import { type ClaimParams, type LeasedTask, LIMITS } from '@taskyard/core'
import type { AnyBulkWriteOperation } from 'mongodb'
import { addCounts, type QueueCounts } from '../counters.ts'
import type { Database } from '../database.ts'
import { claimKey, type Holder, leasedTaskFrom, queueId, type TaskDocument } from '../documents.ts'
import { idIn, markedBy, marksAfter, writeStatements } from '../write-transitions.ts'
import { isSuspect, type LaneHead, type LaneQuery } from './lane-heads.ts'
import { laneQueries } from './lane-queries.ts'
import { promoteDue } from './promote.ts'
import { isAloneUnderItsName, repeatedClaim } from './repeated-claim.ts'

/** Rounds in which other processes may be quicker before a claim goes away with what it has. */
const MOST_ROUNDS = 50
/** After this nobody waits for the answer as a rule (calls are given up after 10 s): what was marked now would run for nobody. */
const LONGEST_READ_MS = 8_000

/**
 * Reads the head of the line and marks it with one conditional update per task, under a mark of this claim's own: of
 * several claimers that want the same task, one marks it. Where others were quicker, what bears the mark is read back.
 */
export async function claim(database: Database, params: ClaimParams, now: number): Promise<LeasedTask[]> {
  const startedAt = database.monotonic()
  const [given, lanes] = await Promise.all([
    repeatedClaim(database, params, now),
    laneQueries(database, params),
    promoteDue(database, now),
  ])
  if (given.length > 0) return given
  const mark = database.nextMark()
  const counting: Promise<void>[] = []
  const claimed = await claimAnew(database, params, lanes, { mark, startedAt, counting }, now)
  const looking = claimed.length === 0 || isAloneUnderItsName(database, params, { mark, startedAt: now })
  const [isAlone] = await Promise.all([looking, ...counting])
  return isAlone ? claimed : repeatedClaim(database, params, now, mark)
}

async function claimAnew(
  database: Database,
  params: ClaimParams,
  lanes: readonly LaneQuery[],
  { mark, startedAt, counting }: { mark: string; startedAt: number; counting: Promise<void>[] },
  now: number,
): Promise<LeasedTask[]> {
  const claimed: LeasedTask[] = []
  let bytes = 0
  for (let round = 0; lanes.length > 0 && round < MOST_ROUNDS; round++) {
    const heads = await database.laneHeads.take(params.namespace, lanes, params.limit - claimed.length)
    if (heads.length === 0) break
    // What bears the mark already was taken from this claim meanwhile, and its mark would no longer tell who marks it now.
    const isInTheWay = claimed.length > 0 && heads.some((head) => isSuspect(head) || head.marks?.includes(mark))
    if (isInTheWay || database.monotonic() - startedAt > LONGEST_READ_MS) {
      database.laneHeads.done(heads, 0)
      break
    }
    const marked = await markTasks(database, heads, params, mark, now)
    counting.push(count(database, marked, now))
    claimed.push(...marked)
    bytes += heads.reduce((sum, { payloadBytes }) => sum + payloadBytes, 0)
    const isWhole = marked.length === heads.length
    const isFull = claimed.length === params.limit || bytes >= LIMITS.claimBytes || marked.some(isSuspect)
    if (isFull || (isWhole && claimed.length > 0)) break
  }
  return claimed
}

async function markTasks(
  database: Database,
  heads: readonly LaneHead[],
  params: ClaimParams,
  mark: string,
  now: number,
): Promise<readonly LeasedTask[]> {
  let lost = 0
  try {
    const claimed = claimKey(params)
    const leased = heads.map((head) => ({ head, lease: leaseFor(head, params, { mark, claimed }, now) }))
    const matchedCount = await writeStatements(database, markings(leased), heads)
    lost = heads.length - matchedCount
    const mine = lost === 0 ? null : await markedBy(database, heads, mark, matchedCount)
    const won = mine === null ? leased : leased.filter(({ head }) => mine.has(head._id))
    return won.map(({ head, lease }) => handOut(database, head, lease, now))
  } finally {
    database.laneHeads.done(heads, lost)
  }
}

type Lease = ReturnType<typeof leaseFor>

/** What a task becomes by being claimed, beside one more token and attempt. */
function leaseFor(
  head: LaneHead,
  { namespace, worker, leaseMs }: ClaimParams,
  { mark, claimed }: { mark: string; claimed: string | null },
  now: number,
) {
  const { timeoutSeconds } = head
  const expiresAt = now + leaseMs
  const deadlineAt = timeoutSeconds === null ? null : now + Math.round(timeoutSeconds * 1000)
  return {
    state: 'running' as const,
    marks: marksAfter(head, mark),
    ...(claimed === null ? {} : { claimed }),
    holder: JSON.stringify([namespace, worker.workerId, worker.nodeId, worker.session] satisfies Holder),
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
}

// Token and attempt as they were read: then the task is as it was read, and need not be read again. One statement for all
// that are alike, which differ in their deadline and their marks at most.
function markings(leased: readonly { head: LaneHead; lease: Lease }[]): AnyBulkWriteOperation<TaskDocument>[] {
  const alike = Map.groupBy(
    leased,
    ({ head: { token, attempt, timeoutSeconds, marks } }) => `${token} ${attempt} ${timeoutSeconds} ${marks}`,
  )
  return [...alike.values()].map((group) => {
    const [{ head, lease }] = group as [{ head: LaneHead; lease: Lease }]
    const ids = group.map((each) => each.head._id)
    const filter = { ...idIn(ids), state: 'queued' as const, token: head.token, attempt: head.attempt }
    return { updateMany: { filter, update: { $set: lease, $inc: { token: 1, attempt: 1 } } } }
  })
}

function handOut(database: Database, head: LaneHead, lease: Lease, now: number): LeasedTask {
  const task = { ...head, ...lease, token: head.token + 1, attempt: head.attempt + 1 }
  const { payload, result, progress, ...light } = task
  database.leases.add(light)
  return leasedTaskFrom(task, now)
}

function count(database: Database, tasks: readonly LeasedTask[], now: number): Promise<void> {
  const counts: QueueCounts = new Map()
  for (const { namespace, queue } of tasks) addCounts(counts, queueId(namespace, queue), { queued: -1, running: 1 })
  return database.counters.add(counts, now)
}
