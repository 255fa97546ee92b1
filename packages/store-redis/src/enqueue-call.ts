import {
  type AcceptedTask,
  type EnqueueOutcome,
  type EnqueueParams,
  lanesReadyAtOnce,
  type NewTask,
  type ReadyLane,
  TaskyardError,
} from '@taskyard/core'
import type { CallContext } from './call-context.ts'
import type { Reply } from './connection.ts'
import { SCRIPTS } from './scripts.ts'
import { F, newTaskRecord, statusAt } from './task-records.ts'

/** Tasks in one call of the script, which holds up all others while it runs. */
const TASKS_PER_CALL = 1000

type Submission = EnqueueParams['submissions'][number]

const TRANSACTION =
  'a transaction of yours does not reach into Redis tasks; a PostgreSQL store can join one of its own database'

/** The port's `enqueue`. */
export async function enqueue(context: CallContext, params: EnqueueParams): Promise<readonly EnqueueOutcome[]> {
  if (params.tx !== undefined) throw new TaskyardError('transaction_unsupported', { reason: TRANSACTION })
  const outcomes: EnqueueOutcome[] = []
  for (const submissions of inCalls(params.submissions)) {
    outcomes.push(...(await enqueueTogether(context, submissions, params.queueDepth)))
  }
  return outcomes
}

function inCalls(submissions: readonly Submission[]): readonly (readonly Submission[])[] {
  const calls: Submission[][] = []
  let room = 0
  for (const submission of submissions) {
    const call = calls.at(-1)
    if (call === undefined || room < submission.tasks.length) {
      calls.push([submission])
      room = TASKS_PER_CALL - submission.tasks.length
    } else {
      call.push(submission)
      room -= submission.tasks.length
    }
  }
  return calls
}

async function enqueueTogether(context: CallContext, submissions: readonly Submission[], queueDepth: number) {
  const signature = context.signature()
  const args = callArgs(submissions, queueDepth, context.now(), signature)
  const answer = context.run(SCRIPTS.enqueue, args)
  const soonReady = [...new Set(lanesReadyAtOnce(submissions).map(laneName))].join(F)
  context.hintReady(soonReady)
  const [now, readyLanes, ...outcomes] = (await answer) as string[]
  context.publishReady(readyLanes as string, signature !== '', soonReady)
  return readOutcomes(submissions, Number(now), outcomes)
}

function callArgs(
  submissions: readonly Submission[],
  queueDepth: number,
  now: string,
  signature: string,
): readonly string[] {
  const lanes = new Map<string, number>()
  const sizes: number[] = []
  const tasks: string[] = []
  const specials: string[] = []
  const runs: { lane: number; priority: number; count: number }[] = []
  let position = 0
  for (const submission of submissions) {
    sizes.push(submission.tasks.length)
    for (const task of submission.tasks) {
      position += 1
      const lane = laneNumber(lanes, task)
      const run = runs.at(-1)
      if (run?.lane === lane && run.priority === task.priority) run.count += 1
      else runs.push({ lane, priority: task.priority, count: 1 })
      tasks.push(task.id, newTaskRecord(task, position))
      if (isSpecial(task)) specials.push(...specialArgs(task, position))
    }
  }
  const runsText = runs.map(({ lane, priority, count }) => `${lane},${priority},${count}`).join(';')
  const names = [...lanes.keys()].join(F)
  return [now, String(queueDepth), names, runsText, sizes.join(','), signature, String(position), ...tasks, ...specials]
}

function isDelayed({ runAt, delayMs }: NewTask): boolean {
  return runAt !== null || delayMs > 0
}

function laneName({ namespace, queue, type }: ReadyLane): string {
  return `${namespace}\n${queue}\n${type}`
}

function laneNumber(lanes: Map<string, number>, task: NewTask): number {
  const names = laneName(task)
  let lane = lanes.get(names)
  if (lane === undefined) {
    lane = lanes.size + 1
    lanes.set(names, lane)
  }
  return lane
}

function isSpecial(task: NewTask): boolean {
  return isDelayed(task) || task.idempotency !== null || task.tags.length > 0
}

function specialArgs({ runAt, delayMs, idempotency, tags }: NewTask, position: number): readonly string[] {
  return [
    String(position),
    runAt === null ? '' : String(runAt),
    String(delayMs),
    idempotency?.key ?? '',
    idempotency?.fingerprint ?? '',
    String(new Set(tags).size),
    ...new Set(tags),
  ]
}

function readOutcomes(submissions: readonly Submission[], now: number, answers: readonly Reply[]): EnqueueOutcome[] {
  if (answers[0] === 'all')
    return submissions.map(({ tasks }) => ({ kind: 'accepted', tasks: tasks.map((task) => fresh(task, now)) }))
  let at = 0
  return submissions.map(({ tasks }) => {
    const answer = answers[at++] as string
    if (answer !== 'a') return refusal(answer)
    return { kind: 'accepted', tasks: tasks.map((task) => accepted(task, answers[at++] as string, now)) }
  })
}

function refusal(answer: string): EnqueueOutcome {
  const text = answer.slice(1)
  switch (answer[0]) {
    case 'c':
      return { kind: 'idempotency-conflict', key: text }
    case 'g': {
      const at = text.lastIndexOf(F)
      return { kind: 'idempotent-task-gone', key: text.slice(0, at), taskId: text.slice(at + 1) }
    }
    default:
      return { kind: 'queue-full', queue: text }
  }
}

function accepted(task: NewTask, answer: string, now: number): AcceptedTask {
  if (answer === '') return fresh(task, now)
  const [id, letter, createdAt, runAt, replayed] = answer.split(F) as [string, string, string, string, string]
  return {
    id,
    status: statusAt(letter, Number(runAt), now),
    createdAt: Number(createdAt),
    runAt: Number(runAt),
    replayed: replayed === '1',
  }
}

function fresh({ id, runAt, delayMs }: NewTask, now: number): AcceptedTask {
  const dueAt = Math.max(now, runAt ?? now + delayMs)
  return { id, status: dueAt > now ? 'scheduled' : 'queued', createdAt: now, runAt: dueAt, replayed: false }
}
