import type { BeatParams, EndedLease, EndLeasesParams, LeaseHolder } from '@taskyard/core'
import type { Database } from '../database.ts'
import { type Holder, LIGHT, type LightTask } from '../documents.ts'
import { upsert } from '../lanes.ts'
import { apply, MOST_ROUNDS } from '../moves.ts'
import { spillTails } from '../spill.ts'
import { endWithoutWord, type Move } from '../transitions.ts'

export async function beat(
  database: Pick<Database, 'nodes'>,
  { nodeId, workerIds, ttlMs }: BeatParams,
  now: number,
): Promise<void> {
  if (ttlMs <= 0) {
    await database.nodes.deleteMany({ _id: nodeId })
    return
  }
  const $set = { workerIds: [...workerIds], until: now + ttlMs }
  await upsert(() => database.nodes.updateOne({ _id: nodeId }, { $set }, { upsert: true }))
}

export async function holders({ tasks, nodes }: Database, now: number): Promise<LeaseHolder[]> {
  const [groups, beating] = await Promise.all([
    tasks
      .aggregate<{ _id: string; leases: number }>([
        { $match: { state: 'running' } },
        { $group: { _id: '$holder', leases: { $sum: 1 } } },
      ])
      .toArray(),
    nodes.find({ until: { $gt: now } }).toArray(),
  ])
  const nodeIds = new Set(beating.map(({ _id }) => _id))
  const answeredFor = new Set(beating.flatMap(({ workerIds }) => workerIds))
  return groups.map(({ _id, leases }) => {
    const [namespace, workerId, nodeId, session] = JSON.parse(_id) as Holder
    const alive = (nodeId !== null && nodeIds.has(nodeId)) || answeredFor.has(workerId)
    return { namespace, workerId, nodeId, session, alive, leases }
  })
}

/** Leases ended in one step. */
const AT_ONCE = 1_000

export async function endLeases(
  database: Database,
  { workerIds }: EndLeasesParams,
  now: number,
): Promise<readonly EndedLease[]> {
  const ended: EndedLease[] = []
  if (workerIds.length === 0) return ended
  const filter = { state: 'running' as const, workerId: { $in: [...workerIds] } }
  // What others keep changing is not of a dead worker alone; whoever called comes again for what is left.
  for (let conflicts = 0; conflicts < MOST_ROUNDS; ) {
    const held = await database.tasks.find(filter, { projection: LIGHT }).limit(AT_ONCE).toArray()
    const moves = held.map((task) => endWithoutWord(task as LightTask, 'expired', 0, now))
    const endedNow = await applyEndings(database, moves, () => 'expired', now)
    ended.push(...endedNow)
    if (endedNow.length < held.length) conflicts += 1
    else if (held.length < AT_ONCE) return ended
  }
  return ended
}

/** Applies moves that end leases, and tells of those that did. */
export async function applyEndings(
  database: Database,
  moves: readonly Move[],
  reasonOf: (move: Move) => EndedLease['reason'],
  now: number,
): Promise<EndedLease[]> {
  const applied = await apply(database, moves, now)
  await spillTails(
    database,
    [...applied].map(({ task }) => task),
  )
  return [...applied].map((move) => {
    const { _id, token, queue, type, workerId = '' } = move.task
    return { taskId: _id, token, reason: reasonOf(move), queue, type, workerId, taskStatus: move.to }
  })
}
