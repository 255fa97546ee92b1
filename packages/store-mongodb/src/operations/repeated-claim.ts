import { type ClaimParams, type LeasedTask, TaskyardError } from '@taskyard/core'
import type { Filter } from 'mongodb'
import type { Database } from '../database.ts'
import { claimKey, type Lease, type LightTask, leasedTaskFrom, type TaskDocument } from '../documents.ts'
import { moveGrownTails } from '../move-tails.ts'
import { settle } from '../transitions.ts'
import { apply, MOST_ROUNDS } from '../write-transitions.ts'
import { cancelAsRead, moveEnds } from './extend.ts'

// Calls of one name that run at the same time, at different servers, may all have found nothing given. Each looks after it
// has marked: of two calls at least one then sees the other, and one that sees nobody is alone for good, as whoever marks
// later sees it. Of those that see each other the first one stays. One that reads while another still marks finds a part of that
// one's tasks: it looks again once it has moved their ends, and the other, which sees moved ends by then or is seen whole,
// keeps what was moved.

/** How often a call that is the first looks whether the others have given back, before it takes them for answered. */
const MOST_LOOKS = 10

type Held = Omit<TaskDocument, 'tail'> & Lease
/** A call that marked tasks: its mark, and its time. */
type Call = Required<Pick<TaskDocument, 'startedAt'>> & { readonly mark: string }

/**
 * What this very call has given and still holds, each to a later end: the same claim again after a lost reply. Of what several
 * calls of its name marked, that of the first one; the others' goes back, as their callers are answered with this, too.
 * @param yielding the mark of a call that gives back what it marked, unless nobody else holds anything
 */
export async function repeatedClaim(
  database: Database,
  params: ClaimParams,
  now: number,
  yielding: string | null = null,
): Promise<LeasedTask[]> {
  const filter = filterOf(params)
  if (filter === null) return []
  const endOf = ({ expiresAt }: Lease) => Math.max(now + params.leaseMs, expiresAt + 1)
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const held = (await database.tasks.find(filter, { projection: { tail: 0 } }).toArray()) as Held[]
    const surplus = surplusOf(held, yielding)
    if (surplus.length > 0) {
      await giveBack(database, surplus, now)
      continue
    }
    if (!(await moveEnds(database, held, endOf, leaseAsRead))) continue
    if (held.length > 0 && held.length < params.limit && (await hasMore(database, filter, held))) continue
    return held.sort(byPriorityAndAge).map((task) => {
      const { lease, ...told } = leasedTaskFrom({ ...task, expiresAt: endOf(task) }, now)
      return { ...told, lease: { ...lease, again: true } }
    })
  }
  throw new TaskyardError('store_unavailable', { reason: 'others keep changing the tasks' })
}

/**
 * Asked once a call has marked: whether it may answer with that. `false`: another call of its name was before it, or may have
 * been answered. Where others were answered with a part of what it marked, the rest goes back.
 */
export async function isAloneUnderItsName(database: Database, params: ClaimParams, call: Call): Promise<boolean> {
  const filter = filterOf(params)
  if (filter === null) return true
  const markedEnd = { expiresAt: call.startedAt + params.leaseMs }
  const touched = { ...filter, $or: [{ marks: { $ne: call.mark } }, { expiresAt: { $ne: markedEnd.expiresAt } }] }
  for (let look = 0; look < MOST_LOOKS; look++) {
    const found = await database.tasks.find(touched, { projection: { startedAt: 1, marks: 1 } }).toArray()
    const others = found.filter(({ marks }) => marks?.includes(call.mark) !== true)
    if (others.some((task) => inOrder(callOf(task), call) < 0)) return false
    if (others.length > 0) continue
    if (found.length > 0) await giveBackUntold(database, { ...filter, marks: call.mark, ...markedEnd }, call.startedAt)
    return found.length === 0
  }
  return false
}

async function giveBackUntold(database: Database, untold: Filter<TaskDocument>, now: number): Promise<void> {
  const tasks = (await database.tasks.find(untold, { projection: { tail: 0 } }).toArray()) as Held[]
  if (tasks.length > 0) await giveBack(database, tasks, now)
}

async function hasMore(database: Database, filter: Filter<TaskDocument>, held: readonly Held[]): Promise<boolean> {
  const found = await database.tasks.find(filter, { projection: { token: 1 } }).toArray()
  return found.some(({ _id, token }) => !held.some((task) => task._id === _id && task.token === token))
}

function filterOf(params: ClaimParams) {
  const claimed = claimKey(params)
  return claimed === null ? null : { claimed, state: 'running' as const, workerId: params.worker.workerId }
}

function surplusOf(held: readonly Held[], yielding: string | null): readonly Held[] {
  const calls = held.map(callOf).sort(inOrder)
  const kept = (calls.find(({ mark }) => mark !== yielding) ?? calls[0])?.mark
  return held.filter((task) => callOf(task).mark !== kept)
}

// A task that runs bears the mark of the call that marked it before all others.
function callOf({ startedAt = 0, marks }: Pick<TaskDocument, 'startedAt' | 'marks'>): Call {
  return { startedAt, mark: marks?.[0] ?? '' }
}

function inOrder(one: Call, other: Call): number {
  if (one.startedAt !== other.startedAt) return one.startedAt - other.startedAt
  if (one.mark === other.mark) return 0
  return one.mark < other.mark ? -1 : 1
}

// Each while it ends as it was read: another call may be giving it again.
async function giveBack(database: Database, tasks: readonly Held[], now: number): Promise<void> {
  const transitions = tasks.map((task) => {
    const { _id: taskId, token, expiresAt } = task
    return settle(task, { taskId, token, outcome: 'released', expiresAt }, now)
  })
  await apply(database, transitions, now)
  await moveGrownTails(database, tasks)
}

// Its end, too: a heartbeat may have moved it beyond the one that comes of what was read.
function leaseAsRead(task: LightTask & Lease) {
  return { ...cancelAsRead(task), expiresAt: task.expiresAt }
}

function byPriorityAndAge(one: LightTask, other: LightTask): number {
  if (one.priority !== other.priority) return other.priority - one.priority
  if (one.createdAt !== other.createdAt) return one.createdAt - other.createdAt
  return one._id < other._id ? -1 : 1
}
