import {
  type BeatParams,
  type BeatReply,
  type ClaimersOfNode,
  type ClaimersParams,
  claimersFromText,
  claimersText,
  type EndedLease,
  type EndLeasesParams,
  type HoldersParams,
  isWatched,
  type LeaseHolder,
  workerKey,
} from '@taskyard/core'
import type { Database } from '../database.ts'
import { type Holder, LIGHT, type RunningTask } from '../documents.ts'
import { upsert } from '../lanes.ts'
import { moveGrownTails } from '../move-tails.ts'
import { endUnsettled, type Transition } from '../transitions.ts'
import { apply, idIn, MOST_ROUNDS } from '../write-transitions.ts'
import { toldOfDefaults } from './type-defaults.ts'

/** The port's `beat`. A `ttlMs` of 0 or less takes it back. */
export async function beat(
  database: Pick<Database, 'nodes' | 'types'>,
  params: BeatParams,
  now: number,
): Promise<BeatReply> {
  const [told] = await Promise.all([toldOfDefaults(database), saysThatItLives(database, params, now)])
  return told
}

async function saysThatItLives(
  database: Pick<Database, 'nodes'>,
  { nodeId, workers, ttlMs, claimers }: BeatParams,
  now: number,
): Promise<void> {
  if (ttlMs <= 0) {
    await database.nodes.deleteMany({ _id: nodeId })
    return
  }
  const said = claimers === undefined ? {} : { claimers: claimersText(claimers), claimersAt: now }
  const $set = { workerIds: workers.map(workerKey), until: now + ttlMs, ...said }
  await upsert(() => database.nodes.updateOne({ _id: nodeId }, { $set }, { upsert: true }))
}

/** The port's `claimers`. */
export async function claimers(
  { nodes }: Database,
  { namespace }: ClaimersParams,
  now: number,
): Promise<ClaimersOfNode[]> {
  const beating = await nodes.find({ until: { $gt: now } }).toArray()
  return beating.flatMap(({ _id: nodeId, claimers = '[]', claimersAt = now }) =>
    claimersFromText(claimers, { nodeId, namespace, saidAgoMs: now - claimersAt }),
  )
}

/** The port's `holders`: one line per worker and process that claimed for it. */
export async function holders(database: Database, params: HoldersParams, now: number): Promise<LeaseHolder[]> {
  const [groups, isAlive] = await Promise.all([leasesByHolder(database, params), livenessOf(database, now)])
  const told = new Map<string, LeaseHolder>()
  for (const { holder, ...held } of groups) {
    const [namespace, workerId, nodeId, session] = holderFrom(holder)
    const one = { namespace, workerId, nodeId, session, alive: isAlive(holder), ...held }
    const key = JSON.stringify([namespace, workerId, nodeId])
    const other = told.get(key)
    told.set(key, other === undefined ? one : merged(one, other))
  }
  return [...told.values()]
}

/** Tells whether a process whose beat holds is a worker's own, or names the worker. */
async function livenessOf({ nodes }: Database, now: number): Promise<(holder: string) => boolean> {
  const beating = await nodes.find({ until: { $gt: now } }).toArray()
  const nodeIds = new Set(beating.map(({ _id }) => _id))
  const answeredFor = new Set(beating.flatMap(({ workerIds }) => workerIds))
  return (holder) => {
    const [, , nodeId] = holderFrom(holder)
    return (nodeId !== null && nodeIds.has(nodeId)) || answeredFor.has(workerOf(holder))
  }
}

/** Leases of a worker that claimed with a session and without. */
function merged(one: LeaseHolder, other: LeaseHolder): LeaseHolder {
  return {
    ...one,
    session: one.session || other.session,
    leases: one.leases + other.leases,
    firstEnd: Math.min(one.firstEnd, other.firstEnd),
    lastEnd: Math.max(one.lastEnd, other.lastEnd),
  }
}

export interface HolderGroup {
  readonly holder: string
  readonly leases: number
  readonly firstEnd: number
  readonly lastEnd: number
}

/**
 * Read from the index of leases alone. Those of one claim, or one heartbeat, expire together, and come as one group; FerretDB,
 * which has no `$max`, cannot put these together itself.
 */
export async function leasesByHolder(
  { tasks }: Database,
  { namespace }: HoldersParams,
): Promise<readonly HolderGroup[]> {
  const $match = { state: 'running' as const, ...(namespace !== null && { holder: ofNamespace(namespace) }) }
  const grouped = await tasks
    .aggregate<{ _id: { holder: string; expiresAt: number }; leases: number }>([
      { $match },
      { $group: { _id: { holder: '$holder', expiresAt: '$expiresAt' }, leases: { $sum: 1 } } },
    ])
    .toArray()
  const groups = new Map<string, HolderGroup>()
  for (const { _id, leases } of grouped) {
    const { holder, expiresAt } = _id
    const { leases: others = 0, firstEnd = expiresAt, lastEnd = expiresAt } = groups.get(holder) ?? {}
    const ends = { firstEnd: Math.min(firstEnd, expiresAt), lastEnd: Math.max(lastEnd, expiresAt) }
    groups.set(holder, { holder, leases: leases + others, ...ends })
  }
  return [...groups.values()]
}

/** Somebody would notice its death. */
export function isHolderWatched(holder: string): boolean {
  const [, , nodeId, session] = holderFrom(holder)
  return isWatched({ nodeId, session })
}

/** Texts that begin with it: a comma follows, and the next character after that is a hyphen. */
function ofNamespace(namespace: string): { $gte: string; $lt: string } {
  const begin = `[${JSON.stringify(namespace)}`
  return { $gte: `${begin},`, $lt: `${begin}-` }
}

/** Back from the JSON text that a lease keeps. */
export function holderFrom(text: string): Holder {
  return JSON.parse(text) as Holder
}

/** Its worker, as `workerKey`. */
function workerOf(holder: string): string {
  const [namespace, workerId] = holderFrom(holder)
  return workerKey({ namespace, workerId })
}

/** How many leases each worker holds, by `workerKey`. */
export function leasesByWorker(groups: readonly HolderGroup[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { holder, leases } of groups) {
    const worker = workerOf(holder)
    counts.set(worker, (counts.get(worker) ?? 0) + leases)
  }
  return counts
}

/** Whether it was all that its worker held. `leasesOf` was counted before the task was read: whoever counts less reads a mark. */
export function wasAlone(task: RunningTask, leasesOf: ReadonlyMap<string, number>) {
  return leasesOf.get(workerKey(task)) === 1 && task.hadCompany !== task.token
}

/**
 * Of a dead worker leases may end one after the other: before any of these workers' ends, marks those that have others beside
 * them.
 * @param workers each as its `workerKey`
 */
export async function rememberCompany(
  database: Database,
  groups: readonly HolderGroup[],
  workers: ReadonlySet<string>,
): Promise<void> {
  const leasesOf = leasesByWorker(groups)
  const withSeveral = new Set([...workers].filter((worker) => (leasesOf.get(worker) ?? 0) > 1))
  const theirs = groups.map(({ holder }) => holder).filter(isOf(withSeveral))
  if (theirs.length === 0) return
  const projection = { token: 1, hadCompany: 1 } as const
  const held = await database.tasks.find({ state: 'running', holder: { $in: theirs } }, { projection }).toArray()
  const fresh = held.filter(({ token, hadCompany }) => hadCompany !== token)
  const operations = [...Map.groupBy(fresh, ({ token }) => token)].map(([token, tasks]) => {
    const filter = { ...idIn(tasks.map(({ _id }) => _id)), state: 'running' as const, token }
    return { updateMany: { filter, update: { $set: { hadCompany: token } } } }
  })
  if (operations.length > 0) await database.tasks.bulkWrite(operations, { ordered: false })
}

function isOf(workers: ReadonlySet<string>): (holder: string) => boolean {
  return (holder) => workers.has(workerOf(holder))
}

/** Leases ended in one step. */
const AT_ONCE = 1_000

/** The port's `endLeases`, a thousand at a time. Beats are read anew before each round: who comes back meanwhile keeps the rest. */
export async function endLeases(
  database: Database,
  { workers }: EndLeasesParams,
  now: number,
): Promise<readonly EndedLease[]> {
  const ended: EndedLease[] = []
  if (workers.length === 0) return ended
  const dead = new Set(workers.map(workerKey))
  const groups = await leasesByHolder(database, { namespace: null })
  const leasesOf = leasesByWorker(groups)
  const theirs = groups.map(({ holder }) => holder).filter((holder) => isOf(dead)(holder) && isHolderWatched(holder))
  if (theirs.length === 0) return ended
  await rememberCompany(database, groups, dead)
  // What others keep changing is not of a dead worker alone; whoever called comes again for what is left.
  for (let conflicts = 0; conflicts < MOST_ROUNDS; ) {
    // As late as can be: the beats are not of the documents that are written.
    const isAlive = await livenessOf(database, now)
    const filter = { state: 'running' as const, holder: { $in: theirs.filter((holder) => !isAlive(holder)) } }
    const held = await database.tasks.find(filter, { projection: LIGHT }).limit(AT_ONCE).toArray()
    const endings = (held as RunningTask[]).map((task) => {
      const known = { reason: 'expired', isDead: true, isAlone: wasAlone(task, leasesOf) } as const
      return { task, reason: known.reason, transition: endUnsettled(task, { jitter: 0, ...known }, now) }
    })
    const endedNow = await applyEndings(database, endings, now)
    ended.push(...endedNow)
    if (endedNow.length < held.length) conflicts += 1
    else if (held.length < AT_ONCE) return ended
  }
  return ended
}

/** A lease that is to end, and why. */
export interface Ending {
  readonly task: RunningTask
  readonly reason: EndedLease['reason']
  readonly transition: Transition
}

/** Ends leases, and tells of those that did. */
export async function applyEndings(
  database: Database,
  endings: readonly Ending[],
  now: number,
): Promise<readonly EndedLease[]> {
  const transitions = endings.map(({ transition }) => transition)
  const applied = await apply(database, transitions, now)
  const ended = endings.filter(({ transition }) => applied.has(transition))
  const tasks = ended.map(({ task }) => task)
  await moveGrownTails(database, tasks)
  return ended.map(({ task: { _id, token, namespace, queue, type, workerId }, reason, transition }) => {
    return { taskId: _id, token, reason, namespace, queue, type, workerId, taskStatus: transition.to }
  })
}
