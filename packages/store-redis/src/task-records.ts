import {
  type Backoff,
  DEFAULT_BACKOFF,
  isDefaultBackoff,
  type JsonText,
  type NewTask,
  type Task,
  type TaskError,
  type TaskStatus,
} from '@taskyard/core'

/** Between the fields of a record. JSON texts and names hold no control characters. */
export const F = '\u001f'

export interface LaneNames {
  readonly namespace: string
  readonly queue: string
  readonly type: string
}

const STATUSES: Readonly<Record<string, TaskStatus>> = {
  s: 'scheduled',
  q: 'queued',
  r: 'running',
  o: 'succeeded',
  f: 'failed',
  c: 'cancelled',
}

/** The word for a letter of a record. */
export function statusOf(letter: string): TaskStatus {
  return STATUSES[letter] as TaskStatus
}

/** What a reader sees: a scheduled task whose time has come is queued, whether or not a sweep has noticed. */
export function statusAt(letter: string, runAt: number, now: number): TaskStatus {
  return letter === 's' && runAt <= now ? 'queued' : statusOf(letter)
}

/** The record of a new task from its priority on; the server adds what it alone knows. */
export function newTaskRecord(task: NewTask, position: number): string {
  const tagged = task.tags.length === 0 ? 0 : 1
  const head = `${task.priority},${task.timeoutSeconds ?? ''},${Buffer.byteLength(task.payload)},${tagged}`
  const backoff = isDefaultBackoff(task.backoff) ? '' : JSON.stringify(task.backoff)
  const tags = tagged === 0 ? '' : JSON.stringify(task.tags)
  const key = task.idempotency === null ? '' : JSON.stringify(task.idempotency.key)
  return `${head}${F}${position}${F}${task.maxAttempts}${F}${backoff}${F}${tags}${F}${key}${F}${task.payload}`
}

/** What never changes of a task. */
interface Submitted {
  readonly lane: LaneNames
  readonly createdAt: number
  readonly number: number
  readonly priority: number
  readonly timeoutSeconds: number | null
  readonly maxAttempts: number
  readonly backoff: Backoff
  readonly tags: readonly string[]
  readonly idempotencyKey: string | null
  readonly payload: JsonText
}

/** Lanes by number, as scripts name them in their replies. */
export type LaneTable = ReadonlyMap<string, LaneNames>

/** The lanes of a reply, `number\nnamespace\nqueue\ntype` each; an empty text names none. */
export function laneTable(text: string): LaneTable {
  if (text === '') return new Map()
  return new Map(
    text.split(F).map((entry) => {
      const [number, namespace, queue, type] = entry.split('\n') as [string, string, string, string]
      return [number, { namespace, queue, type }]
    }),
  )
}

const NO_TAGS: readonly string[] = []

function submittedOf(record: string, lanes: LaneTable): Submitted {
  const [createdAt, head, position, maxAttempts, backoff, tags, key, payload] = fields(record, 8)
  const [lane, base, , first, priority, timeout] = (head as string).split(',') as string[]
  return {
    lane: lanes.get(lane as string) as LaneNames,
    createdAt: Number(createdAt),
    number: Number(base) - Number(first) + Number(position),
    priority: Number(priority),
    timeoutSeconds: timeout === '' ? null : Number(timeout),
    maxAttempts: Number(maxAttempts),
    backoff: backoff === '' ? DEFAULT_BACKOFF : (JSON.parse(backoff as string) as Backoff),
    tags: tags === '' ? NO_TAGS : (JSON.parse(tags as string) as string[]),
    idempotencyKey: key === '' ? null : (JSON.parse(key as string) as string),
    payload: payload as JsonText,
  }
}

/** Splits into `count` fields; the last one is all that is left, whatever it holds. */
function fields(record: string, count: number): string[] {
  const found: string[] = []
  let from = 0
  for (let field = 1; field < count; field++) {
    const to = record.indexOf(F, from)
    found.push(record.slice(from, to))
    from = to + 1
  }
  found.push(record.slice(from))
  return found
}

/** A task as read, with what only the store needs of it. */
export interface StoredTask {
  readonly task: Task
  /** In order of submission. */
  readonly number: number
  /** Of its present or last lease. */
  readonly token: number
}

/** @param state `null` for a task that was never claimed nor scheduled */
export function storedTask(
  id: string,
  record: string,
  state: string | null,
  lanes: LaneTable,
  now: number,
): StoredTask {
  const submitted = submittedOf(record, lanes)
  const { createdAt, number } = submitted
  if (state === null) return { task: task(id, submitted, UNTRIED, createdAt), number, token: 0 }
  const [, token, , , readyAt] = fields(state, 6)
  const runAt = Number(readyAt)
  return { task: task(id, submitted, presentOf(state, runAt, now), runAt), number, token: Number(token) }
}

/** A task as it was submitted: of no attempt yet. */
export function untriedTask(id: string, record: string, lanes: LaneTable): Task {
  const submitted = submittedOf(record, lanes)
  return task(id, submitted, UNTRIED, submitted.createdAt)
}

type Present = Pick<
  Task,
  | 'status'
  | 'attempt'
  | 'crashes'
  | 'startedAt'
  | 'finishedAt'
  | 'cancelRequestedAt'
  | 'workerId'
  | 'progress'
  | 'result'
  | 'error'
>

const UNTRIED = {
  status: 'queued',
  attempt: 0,
  crashes: 0,
  startedAt: null,
  finishedAt: null,
  cancelRequestedAt: null,
  workerId: null,
  progress: null,
  result: null,
  error: null,
} as const

function presentOf(state: string, runAt: number, now: number): Present {
  const parts = fields(state, 16) as [string, ...string[]]
  const [letter, , attempt, crashes, , , startedAt, endAt, cancelAt] = parts
  const [worker, progress, text] = [parts[12], parts[14], parts[15]]
  const status = statusAt(letter, runAt, now)
  const isRunning = status === 'running'
  const isWaiting = status === 'queued' || status === 'scheduled'
  return {
    status,
    attempt: Number(attempt),
    // Those of workers that ran nothing else may follow, behind a comma.
    crashes: Number.parseInt(crashes as string, 10),
    startedAt: numberOrNull(startedAt),
    finishedAt: isRunning || isWaiting ? null : numberOrNull(endAt),
    cancelRequestedAt: isRunning ? numberOrNull(cancelAt) : null,
    workerId: worker === '' ? null : (JSON.parse(worker as string) as string),
    progress: textOrNull(progress),
    result: status === 'succeeded' ? textOrNull(text) : null,
    error: status === 'succeeded' || text === '' ? null : (JSON.parse(text as string) as TaskError),
  }
}

function numberOrNull(text: string | undefined): number | null {
  return text === undefined || text === '' ? null : Number(text)
}

function textOrNull(text: string | undefined): JsonText | null {
  return text === undefined || text === '' ? null : (text as JsonText)
}

function task(id: string, submitted: Submitted, present: Present, runAt: number): Task {
  const { namespace, queue, type } = submitted.lane
  return {
    id,
    namespace,
    queue,
    type,
    status: present.status,
    priority: submitted.priority,
    payload: submitted.payload,
    result: present.result,
    error: present.error,
    attempt: present.attempt,
    maxAttempts: submitted.maxAttempts,
    crashes: present.crashes,
    progress: present.progress,
    tags: submitted.tags,
    backoff: submitted.backoff,
    timeoutSeconds: submitted.timeoutSeconds,
    idempotencyKey: submitted.idempotencyKey,
    workerId: present.workerId,
    runAt,
    createdAt: submitted.createdAt,
    startedAt: present.startedAt,
    finishedAt: present.finishedAt,
    cancelRequestedAt: present.cancelRequestedAt,
  }
}
