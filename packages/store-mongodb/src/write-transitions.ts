import { isTaskId, type ReadyLane } from '@taskyard/core'
import type { AnyBulkWriteOperation } from 'mongodb'
import { addCounts, type QueueCounts } from './counters.ts'
import type { Database } from './database.ts'
import { LIGHT, type LightTask, queueId, type TaskDocument } from './documents.ts'
import type { Transition } from './transitions.ts'

/** Rounds of reading, judging and writing before a call gives up against others that change the same tasks. */
export const MOST_ROUNDS = 10

/** `_id` equal or among; the plain form is the one that every server answers from its index. */
export function idIn(ids: readonly string[]): { readonly _id: string } | { readonly _id: { $in: string[] } } {
  return ids.length === 1 ? { _id: ids[0] as string } : { _id: { $in: [...ids] } }
}

/** The tasks of these ids that are of this namespace, without what can be big. A text that is no id names none. */
export async function readLight(
  database: Database,
  namespace: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, LightTask>> {
  const found = await findLight(database, ids)
  return byId(found.filter((task) => isInNamespace(namespace, task)))
}

/** The same of any namespace: for ids that no caller has named. */
export async function readLightOfAny(
  database: Database,
  ids: readonly string[],
): Promise<ReadonlyMap<string, LightTask>> {
  return byId(await findLight(database, ids))
}

/**
 * Whether a task that was found by its id is of this namespace, as it is for good. Not in the filter: there it would let the server
 * choose an index that begins with the namespace, which is far worse for this than that of ids.
 */
export function isInNamespace(namespace: string, task: Pick<TaskDocument, 'namespace'>): boolean {
  return task.namespace === namespace
}

async function findLight(database: Database, ids: readonly string[]): Promise<readonly LightTask[]> {
  const possible = [...new Set(ids)].filter(isTaskId)
  if (possible.length === 0) return []
  const filter = { ...idIn(possible), state: { $ne: 'removed' as const } }
  return (await database.tasks.find(filter, { projection: LIGHT }).toArray()) as LightTask[]
}

function byId(tasks: readonly LightTask[]): ReadonlyMap<string, LightTask> {
  return new Map(tasks.map((task) => [task._id, task]))
}

/**
 * Applies each transition whose guard holds, at most one per task, counts them and tells of what became ready.
 * @param counting takes the writing of the counts, for a caller that waits for it later
 * @returns those that were applied
 */
export async function apply(
  database: Database,
  transitions: readonly Transition[],
  now: number,
  counting?: Promise<void>[],
): Promise<ReadonlySet<Transition>> {
  if (transitions.length === 0) return new Set()
  const applied = await write(database, transitions)
  const counted = countTransitions(database, applied, now)
  if (counting === undefined) await counted
  else counting.push(counted)
  return applied
}

function countTransitions(database: Database, applied: ReadonlySet<Transition>, now: number): Promise<void> {
  const counts: QueueCounts = new Map()
  const lanes = new Map<string, ReadyLane>()
  for (const { task, counted, to } of applied) {
    const { namespace, queue, type } = task
    addCounts(counts, queueId(namespace, queue), counted)
    if (to === 'queued') lanes.set(`${namespace}/${queue}/${type}`, { namespace, queue, type })
  }
  if (lanes.size > 0) database.publishReady([...lanes.values()])
  return database.counters.add(counts, now)
}

async function write(database: Database, transitions: readonly Transition[]): Promise<ReadonlySet<Transition>> {
  const mark = database.nextMark()
  const matchedCount = await writeStatements(
    database,
    statements(transitions, mark),
    transitions.map(({ task }) => task),
  )
  // The common case: the count alone says that every guard held.
  if (matchedCount === transitions.length) return new Set(transitions)
  const tasks = transitions.map(({ task }) => task)
  const marked = await markedBy(database, tasks, mark, matchedCount)
  return new Set(transitions.filter(({ task }) => marked.has(task._id)))
}

/** Transitions after which a call can still tell that one of its own came before them. */
const MOST_MARKS = 4

/** The marks of a task that a call moves on. Whoever has read its state and token knows the marks that came with them. */
export function marksAfter({ marks = [] }: Pick<TaskDocument, 'marks'>, mark: string): readonly string[] {
  return [mark, ...marks.slice(0, MOST_MARKS - 1)]
}

/** Reads which of the tasks bear the mark of a call that is known to have changed `count` of them. */
export async function markedBy(
  { tasks, counters }: Pick<Database, 'tasks' | 'counters'>,
  candidates: readonly Pick<TaskDocument, '_id' | 'namespace' | 'queue'>[],
  mark: string,
  count: number,
): Promise<ReadonlySet<string>> {
  if (count === 0) return new Set()
  const ids = candidates.map(({ _id }) => _id)
  const read = await tasks.find(idIn(ids), { projection: { marks: 1, touch: 1 } }).toArray()
  const mine = read.filter(({ marks, touch }) => touch === mark || marks?.includes(mark) === true)
  // Others have moved one so often since, or touched it, that the mark is gone.
  if (mine.length < count) counters.doubt(candidates.map(({ namespace, queue }) => queueId(namespace, queue)))
  return new Set(mine.map(({ _id }) => _id))
}

/** @returns how many tasks were changed; when it fails, whether they were is in doubt, and so are their queues' counts */
export async function writeStatements(
  database: Database,
  operations: AnyBulkWriteOperation<TaskDocument>[],
  tasks: readonly Pick<TaskDocument, 'namespace' | 'queue'>[],
): Promise<number> {
  try {
    return (await database.tasks.bulkWrite(operations, { ordered: false })).matchedCount
  } catch (error) {
    database.counters.doubt(tasks.map(({ namespace, queue }) => queueId(namespace, queue)))
    throw error
  }
}

// Tasks whose transitions are alike share a statement: one for a thousand successes without a result.
function statements(transitions: readonly Transition[], mark: string): AnyBulkWriteOperation<TaskDocument>[] {
  const alike = Map.groupBy(transitions, ({ guard, update, task }) => JSON.stringify([guard, update, task.marks]))
  return [...alike.values()].map((group) => {
    const { guard, update, task, to } = group[0] as Transition
    const ids = group.map(({ task: { _id } }) => _id)
    const mine = to === task.state ? { touch: mark } : { marks: marksAfter(task, mark) }
    const marking = { ...update, $set: { ...update.$set, ...mine } }
    return {
      updateMany: { filter: { ...idIn(ids), ...guard }, update: marking },
    } as AnyBulkWriteOperation<TaskDocument>
  })
}
