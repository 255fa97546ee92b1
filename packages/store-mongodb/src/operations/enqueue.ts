import { type AcceptedTask, type EnqueueOutcome, type EnqueueParams, type NewTask, TaskyardError } from '@taskyard/core'
import type { Database } from '../database.ts'
import { newTaskDocument, statusOf, type TaskDocument } from '../documents.ts'
import { ensureLanes } from '../lanes.ts'
import { MOST_ROUNDS, readLightOfAny } from '../write-transitions.ts'
import { type Plan, planSubmissions, type Submission } from './enqueue-plan.ts'
import { closeEnvelopes, writeEnvelopes } from './envelopes.ts'
import { readKeys, takeKeys } from './idempotency.ts'
import { insertTasks } from './insert-tasks.ts'
import { readRoom } from './room.ts'

/**
 * Judges each submission, then stores what was accepted: keys first, then for submissions of several tasks the envelope
 * that makes them all or nothing, then the tasks. Task ids are unique, so that any of it may be repeated.
 */
export async function enqueue(database: Database, params: EnqueueParams, now: number): Promise<EnqueueOutcome[]> {
  const submissions = params.submissions.map(({ tasks }, index) => ({ index, tasks }))
  const outcomes: EnqueueOutcome[] = []
  let open: readonly Submission[] = submissions
  for (let round = 0; open.length > 0; round++) {
    if (round === MOST_ROUNDS)
      throw new TaskyardError('store_unavailable', { reason: 'others keep taking the same keys' })
    const plan = await judge(database, open, params.queueDepth, now)
    for (const [index, refusal] of plan.refused) outcomes[index] = refusal
    const { taken, lost } = await takeKeys(database, plan, now)
    for (const [index, outcome] of await store(database, taken, now)) outcomes[index] = outcome
    // Somebody else took a key of theirs just now: they are judged by it.
    open = lost
  }
  return outcomes
}

async function judge(
  database: Database,
  submissions: readonly Submission[],
  queueDepth: number,
  now: number,
): Promise<Plan> {
  const tasks = submissions.flatMap(({ tasks }) => tasks)
  const [keys, room] = await Promise.all([readKeys(database, tasks, now), readRoom(database, tasks, queueDepth)])
  const plan = planSubmissions(submissions, keys, room)
  if (!plan.isFull) return plan
  // Only where a queue seems full does it matter which tasks are there already.
  const stored = await readLightOfAny(
    database,
    tasks.map(({ id }) => id),
  )
  return planSubmissions(submissions, keys, room, new Set(stored.keys()))
}

/** A submission that will be stored, with the id under which each of its tasks is. */
export type Accepted = Plan['accepted'][number]

async function store(
  database: Database,
  accepted: readonly Accepted[],
  now: number,
): Promise<ReadonlyMap<number, EnqueueOutcome>> {
  if (accepted.length === 0) return new Map()
  const batches = accepted.map(({ fresh }) => fresh.map(({ id, task }) => newTaskDocument(task, id, now)))
  const documents = batches.flat()
  await ensureLanes(database, documents)
  const envelopes = await writeEnvelopes(
    database,
    batches.filter(({ length }) => length > 1),
    now,
  )
  const inserted = await insertTasks(database, documents, now)
  const [known] = await Promise.all([readKnown(database, accepted, inserted), closeEnvelopes(database, envelopes)])
  return new Map(accepted.map((each) => [each.index, acceptedOutcome(each, inserted, known, now)]))
}

type Known = ReadonlyMap<string, Pick<TaskDocument, 'state' | 'createdAt' | 'runAt'>>

function readKnown(database: Database, accepted: readonly Accepted[], inserted: ReadonlyMap<string, TaskDocument>) {
  const ids = accepted.flatMap((submission) => submission.ids)
  return readLightOfAny(
    database,
    ids.filter((id) => !inserted.has(id)),
  )
}

function acceptedOutcome(
  { tasks, ids }: Accepted,
  inserted: ReadonlyMap<string, TaskDocument>,
  known: Known,
  now: number,
): EnqueueOutcome {
  const answers = tasks.map((task, place): AcceptedTask | null => {
    const id = ids[place] as string
    const stored = inserted.get(id) ?? known.get(id)
    const replayed = id !== task.id
    return stored === undefined ? null : { id, ...acceptedState(stored, now), replayed }
  })
  const gone = answers.indexOf(null)
  if (gone === -1) return { kind: 'accepted', tasks: answers as AcceptedTask[] }
  const { idempotency } = tasks[gone] as NewTask
  return { kind: 'idempotent-task-gone', key: idempotency?.key ?? '', taskId: ids[gone] as string }
}

function acceptedState(task: Pick<TaskDocument, 'state' | 'createdAt' | 'runAt'>, now: number) {
  return { status: statusOf(task, now), createdAt: task.createdAt, runAt: task.runAt }
}
