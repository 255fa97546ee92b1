import {
  type Backoff,
  type ClaimParams,
  DEFAULT_BACKOFF,
  type HistoryRecord,
  isDefaultBackoff,
  type JsonText,
  type LeasedTask,
  type NewTask,
  type Settlement,
  type Task,
  type TaskError,
  type TaskStatus,
} from '@taskyard/core'

/**
 * A task with its whole state: every transition of it is one conditional update of one document. Times are ms. What is `null`
 * or missing before the first attempt is left out.
 */
export interface TaskDocument {
  readonly _id: string
  readonly namespace: string
  readonly queue: string
  readonly type: string
  /** `removed`: retention is at it; nobody sees it any more. */
  readonly state: TaskStatus | 'removed'
  readonly priority: number
  readonly payload: string
  /** Of the payload, UTF-8. */
  readonly payloadBytes: number
  readonly createdAt: number
  /** When it is, or was, due: the order within a priority. */
  readonly runAt: number
  readonly maxAttempts: number
  readonly timeoutSeconds: number | null
  /** Missing: the default. */
  readonly backoff?: Backoff
  /** Missing: none. */
  readonly tags?: readonly string[]
  readonly idempotencyKey?: string

  readonly token: number
  readonly attempt: number
  readonly crashes: number
  /** Those of workers that ran nothing else; missing: none. */
  readonly loneCrashes?: number
  /** The tokens of the leases whose ends these were, without those that a version before has counted. */
  readonly loneLeases?: readonly number[]
  readonly workerId?: string
  readonly startedAt?: number
  readonly progress?: string | null
  readonly result?: string | null
  /** JSON of a `TaskError`. */
  readonly error?: string | null
  readonly finishedAt?: number
  /** What it counts for retention by size. */
  readonly finishedBytes?: number

  /** Only while it runs: who holds it (a `Holder` as JSON), its end, its deadline, and when a sweep should look at it. */
  readonly holder?: string
  /** The claim that gave the lease, where it may be repeated (`claimKey`). */
  readonly claimed?: string
  readonly expiresAt?: number
  readonly deadlineAt?: number
  readonly cancelRequestedAt?: number
  readonly wakeAt?: number
  /** The token of the lease during which another of its worker ended without word. */
  readonly hadCompany?: number

  /** How its last lease was settled by its worker, to know a repetition. */
  readonly settled?: SettledAs & { readonly token: number }

  /** History lines so far, those of the present attempt, and progress and logs of all attempts. */
  readonly records: number
  readonly attemptLines?: number
  readonly lines?: number
  /** The newest history lines, until they are moved to their own collection. */
  readonly tail: readonly StoredRecord[]
  readonly tailBytes: number

  /**
   * Which calls moved it, the last one first, and which changed it last where it was: lets a call read back which of many
   * conditional updates were its own, also when others have moved the task since.
   */
  readonly marks?: readonly string[]
  readonly touch?: string
}

/** A task without what can be big. */
export type LightTask = Omit<TaskDocument, 'payload' | 'result' | 'progress' | 'tail'>
/** One that runs: it has a lease. */
export type RunningTask = LightTask & Lease
export type Lease = Required<Pick<TaskDocument, 'holder' | 'workerId' | 'expiresAt' | 'wakeAt'>>
export const LIGHT = { payload: 0, result: 0, progress: 0, tail: 0 } as const

/** `[namespace, workerId, nodeId, session]` as JSON, so that leases can be grouped by one field. */
export type Holder = readonly [namespace: string, workerId: string, nodeId: string | null, session: boolean]

/** What a task keeps of the claim that took it; `null`: the claim has no request id and cannot be repeated. */
export function claimKey({ namespace, worker, requestId }: ClaimParams): string | null {
  return requestId === null ? null : JSON.stringify([namespace, worker.workerId, requestId])
}

/** A task as it is inserted, under `id`, which is not its own where a key stands for an earlier one. Defaults are left out. */
export function newTaskDocument(task: NewTask, id: string, now: number): TaskDocument {
  const runAt = Math.max(now, task.runAt ?? now + task.delayMs)
  return {
    _id: id,
    namespace: task.namespace,
    queue: task.queue,
    type: task.type,
    state: runAt > now ? 'scheduled' : 'queued',
    priority: task.priority,
    payload: task.payload,
    payloadBytes: Buffer.byteLength(task.payload),
    createdAt: now,
    runAt,
    maxAttempts: task.maxAttempts,
    timeoutSeconds: task.timeoutSeconds,
    ...(isDefaultBackoff(task.backoff) ? {} : { backoff: task.backoff }),
    ...(task.tags.length === 0 ? {} : { tags: task.tags }),
    ...(task.idempotency === null ? {} : { idempotencyKey: task.idempotency.key }),
    token: 0,
    attempt: 0,
    crashes: 0,
    records: 0,
    tail: [],
    tailBytes: 0,
  }
}

/** What a reader sees: a task whose time has come is queued, whether or not a sweep has noticed. */
export function statusOf({ state, runAt }: Pick<TaskDocument, 'state' | 'runAt'>, now: number): TaskStatus {
  return state === 'scheduled' && runAt <= now ? 'queued' : (state as TaskStatus)
}

/** Without the history: `tail` need not have been read. */
export function taskFrom(document: Omit<TaskDocument, 'tail'>, now: number): Task {
  return {
    id: document._id,
    namespace: document.namespace,
    queue: document.queue,
    type: document.type,
    status: statusOf(document, now),
    priority: document.priority,
    payload: document.payload as JsonText,
    result: (document.result ?? null) as JsonText | null,
    error: document.error == null ? null : (JSON.parse(document.error) as TaskError),
    attempt: document.attempt,
    maxAttempts: document.maxAttempts,
    crashes: document.crashes,
    progress: (document.progress ?? null) as JsonText | null,
    tags: document.tags ?? [],
    backoff: backoffOf(document),
    timeoutSeconds: document.timeoutSeconds,
    idempotencyKey: document.idempotencyKey ?? null,
    workerId: document.workerId ?? null,
    runAt: document.runAt,
    createdAt: document.createdAt,
    startedAt: document.startedAt ?? null,
    finishedAt: document.finishedAt ?? null,
    cancelRequestedAt: document.cancelRequestedAt ?? null,
  }
}

/** The task with the lease that the document holds, as it ends now. */
export function leasedTaskFrom(document: Omit<TaskDocument, 'tail'> & Lease, now: number): LeasedTask {
  const { token, expiresAt } = document
  return { ...taskFrom(document, now), lease: { token, expiresAt } }
}

/** The default is stored as nothing. */
export function backoffOf({ backoff }: Pick<TaskDocument, 'backoff'>): Backoff {
  if (backoff === undefined) return DEFAULT_BACKOFF
  const { kind, baseSeconds, factor, maxSeconds } = backoff
  return { kind, baseSeconds, factor, maxSeconds }
}

export interface SettledAs {
  readonly outcome: Settlement['outcome']
  readonly wentTo: TaskStatus
}

/** A history line; one that ends an attempt by its worker's word says how, to know a repetition also after later leases. */
export interface StoredRecord extends HistoryRecord {
  readonly settled?: SettledAs
}

/** A history line in its own collection; `_id` is `taskId/n` with `n` in eight digits. */
export interface RecordDocument extends StoredRecord {
  readonly _id: string
}

/** `n` counts a task's lines from 1. Ids of a task sort in the order of its history. */
export function recordId(taskId: string, n: number): string {
  return `${taskId}/${String(n).padStart(8, '0')}`
}

/** A used idempotency key; `_id` is `namespace/key`. */
export interface KeyDocument {
  readonly _id: string
  readonly taskId: string
  readonly fingerprint: string
  readonly expiresAt: number
  /** Retention has removed the task. Without it, a missing task was never stored: the submission is yet to be completed. */
  readonly isTaskGone?: boolean
}

/** Namespaces hold no `/`, so that no two keys share an id. */
export function keyId(namespace: string, key: string): string {
  return `${namespace}/${key}`
}

/** A queue; `_id` is `namespace/queue`. */
export interface QueueDocument {
  readonly _id: string
  readonly namespace: string
  readonly queue: string
  /** Types of all tasks it ever had; missing when it was only ever paused. */
  readonly types?: readonly string[]
  readonly paused?: boolean
  readonly counts?: Partial<Record<Counter, number>>
  /** The number of each process's last write to `counts`. */
  readonly writes?: Readonly<Record<string, number>>
  /** Rises with every change of `counts`, at `changedAt`. */
  readonly changes?: number
  readonly changedAt?: number
  /** Some change of its tasks may not have been counted. */
  readonly isDoubtful?: boolean
  /** The `changes` at which the counts were last compared with the tasks, and when. */
  readonly verified?: number
  readonly verifiedAt?: number
  readonly standing?: Standing
}

/**
 * What is to be done about a queue's counts: they have changed since they were compared, or have not while tasks live, or while
 * none does; `large`: comparing takes too long to be done without a doubt.
 */
export type Standing = 'changed' | 'live' | 'idle' | 'large'

export const COUNTERS = [
  'scheduled',
  'queued',
  'running',
  'succeeded',
  'failed',
  'cancelled',
  'finishedTotal',
  'finishedBytes',
] as const
export type Counter = (typeof COUNTERS)[number]

/** Namespaces hold no `/`, so that no two queues share an id. */
export function queueId(namespace: string, queue: string): string {
  return `${namespace}/${queue}`
}

/**
 * A submission of several tasks, whose insertion is the moment they are accepted: one document, so all or nothing. It goes
 * when each task has its own. What is too big for one document has parts (`id/1`, …) that are written before it.
 */
export interface EnvelopeDocument {
  readonly _id: string
  readonly at: number
  readonly tasks: readonly TaskDocument[]
  /** Only in the first document: how many there are with it. */
  readonly parts?: number
}

/** The newest beat of a server process. */
export interface NodeDocument {
  readonly _id: string
  /** Each as its `workerKey`. */
  readonly workerIds: readonly string[]
  readonly until: number
  /** As `claimersText`, and when it was said, ms. One of the version before says nothing. */
  readonly claimers?: string
  readonly claimersAt?: number
}

/** The types of a namespace that have defaults. */
export interface TypeDefaultsDocument {
  /** The namespace. */
  readonly _id: string
  /** Rises with each change. */
  readonly revision: number
  /** `defaults` as JSON. */
  readonly types: readonly { readonly type: string; readonly defaults: string }[]
}

export interface MetaDocument {
  readonly _id: string
  readonly version?: number
  readonly at?: number
}
