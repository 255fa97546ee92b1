import type { TaskStatus } from './task.ts'

/** Why a task does not run. */
export interface TaskWaiting {
  readonly taskId: string
  readonly status: TaskStatus
  /** The most telling first: what does not pass by itself comes before what does. None once the task has ended. */
  readonly reasons: readonly WaitingReason[]
}

/** Queues and types of one namespace that have ready tasks, and that nothing starts as things are. */
export interface StuckQueues {
  /** Some of them, in the order of their names, each with what keeps its tasks. */
  readonly stuck: readonly {
    readonly queue: string
    readonly type: string
    readonly reasons: readonly WaitingReason[]
  }[]
  /** How many there are. */
  readonly total: number
  /** `false`: there were too many queues and types to look at all, or more workers than could be told of, which may take some. */
  readonly complete: boolean
}

/** As it is read: a later version may have other codes. `message` is for people, and says what helps. */
export interface WaitingReason extends Partial<WaitingFacts> {
  readonly code: WaitingCode | (string & {})
  readonly message: string
}

/** Of a code that there is, with the facts of that code: as it is made, and as `isReason` tells it. */
export type WaitingReasonOf<Code extends WaitingCode> = { readonly code: Code; readonly message: string } & Pick<
  WaitingFacts,
  (typeof FACTS)[Code][number]
>

/** Whether a reason is of this code: then it has the facts of it. */
export function isReason<Code extends WaitingCode>(reason: WaitingReason, code: Code): reason is WaitingReasonOf<Code> {
  return reason.code === code
}

/** Times are RFC 3339. */
export interface WaitingFacts {
  readonly queue: string
  readonly type: string
  /** Some of the types that known workers take. */
  readonly knownTypes: readonly string[]
  /** How many these take. */
  readonly knownTypesTotal: number
  /** Which of these was probably meant. */
  readonly meantType: string | null
  /** Some of the queues from which known workers take the type. */
  readonly takenFrom: readonly string[]
  /** How many these are, up to 10,000. */
  readonly takenFromTotal: number
  readonly dueAt: string
  readonly attempt: number
  readonly maxAttempts: number
  /** Why the attempt failed. */
  readonly error: { readonly code: string; readonly message: string } | null
  readonly workerId: string | null
  readonly startedAt: string
  readonly requestedAt: string
  /** Attempts during which a worker died. */
  readonly crashes: number
  /** Known workers that take it. */
  readonly workers: number
  /** Tasks that these workers run. */
  readonly leases: number
  /** The task that one of these workers runs with nothing beside it, as workers died during that; `null`: none. */
  readonly suspectId: string | null
  /** Ready tasks of its queue and type that come first. */
  readonly before: number
  /** They were counted up to `before`: it may be more of them. */
  readonly atLeast: boolean
  /** When one of these workers asked for tasks last. */
  readonly seenAgoSeconds: number
}

const FACTS = {
  /** Until somebody resumes it. */
  queue_paused: ['queue'],
  /** No known worker takes the type, from whatever queue. */
  no_worker: ['type', 'knownTypes', 'knownTypesTotal', 'meantType'],
  /** Workers take the type, but from other queues. */
  other_queues: ['queue', 'type', 'takenFrom', 'takenFromTotal'],
  /** No known worker takes it, but more ask for tasks than could be told of. */
  workers_unknown: ['type'],
  /** It was asked to stop, and its worker has not yet said that it has. */
  cancel_requested: ['workerId', 'requestedAt'],
  running: ['workerId', 'attempt', 'startedAt'],
  /** An attempt has failed, and the next is not due. */
  backing_off: ['attempt', 'maxAttempts', 'error', 'dueAt'],
  due_later: ['dueAt'],
  /** Waits for other tasks. */
  blocked: [],
  /** Workers died during it: it waits until one has nothing beside it, within bounds. */
  runs_alone: ['crashes'],
  /** Every worker that takes it runs as much as it does at a time, or a suspect alone. */
  workers_busy: ['workers', 'leases', 'suspectId'],
  behind_others: ['before', 'atLeast'],
  /** Nothing is in its way. */
  about_to_start: ['workers', 'seenAgoSeconds'],
} as const satisfies Readonly<Record<string, readonly (keyof WaitingFacts)[]>>

export type WaitingCode = keyof typeof FACTS

/** The codes that there are; later versions may have more. */
export const WAITING_CODES = Object.keys(FACTS) as readonly WaitingCode[]
