import { fromJsonText, type OutcomeAnswer, type TaskOutcome, TaskyardError } from '@taskyard/core'
import type { Attempt } from './attempt.ts'
import { type AttemptEnd, attemptEnd } from './attempt-end.ts'
import { callListener, type ReportError } from './report-error.ts'

/** What a worker tells of the ends of its attempts, by the names that they have in the history of a task. */
export interface WorkerEvents {
  readonly succeeded: AttemptEnd & { readonly result: unknown }
  /** The task has failed: no attempt is left, or another one is useless. */
  readonly failed: AttemptEnd
  /** The attempt failed, and there will be another. */
  readonly 'retry-scheduled': AttemptEnd
  readonly cancelled: AttemptEnd
  /** The task was handed back, as by a worker that stops. */
  readonly released: AttemptEnd
  /** No outcome was taken: the lease was over. */
  readonly lost: AttemptEnd
}

export type WorkerEvent = keyof WorkerEvents

/** One that throws, or rejects, harms nobody: `onError` is told. */
export type WorkerListener<Event extends WorkerEvent> = (end: WorkerEvents[Event]) => unknown

export const WORKER_EVENTS = [
  'succeeded',
  'failed',
  'retry-scheduled',
  'cancelled',
  'released',
  'lost',
] as const satisfies readonly WorkerEvent[]

/** Who listens for the ends of a worker's attempts. */
export class WorkerListeners {
  readonly #report: ReportError
  readonly #listeners = new Map<WorkerEvent, Set<(end: never) => unknown>>()

  constructor(report: ReportError) {
    this.#report = report
  }

  /** @throws TaskyardError invalid_request for what is no event, or no function */
  on<Event extends WorkerEvent>(event: Event, listener: WorkerListener<Event>): void {
    if (!WORKER_EVENTS.includes(event)) throw refusal(`"${event}" is no event; there are ${WORKER_EVENTS.join(', ')}`)
    if (typeof listener !== 'function') throw refusal(`the listener of ${event} is not a function`)
    const known = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, known.add(listener))
  }

  off<Event extends WorkerEvent>(event: Event, listener: WorkerListener<Event>): void {
    this.#listeners.get(event)?.delete(listener)
  }

  /** @param answer of the server to the outcome */
  tell(attempt: Attempt, answer: OutcomeAnswer): void {
    if (this.#listeners.size === 0) return
    const event = eventOf(attempt, answer)
    const end = attemptEnd(attempt, answer)
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      const told = event === 'succeeded' ? { ...end, result: resultOf(attempt) } : end
      callListener(this.#report, `a listener of ${event}`, () => listener(told as never))
    }
  }
}

/** What the server has decided: it knows of cancel requests that have not come here. */
function eventOf({ outcome }: Attempt, answer: OutcomeAnswer): WorkerEvent {
  if (answer.status === 'lost' || outcome === null) return 'lost'
  if (answer.taskStatus === 'cancelled') return 'cancelled'
  if (outcome.outcome !== 'failed') return outcome.outcome
  return answer.taskStatus === 'failed' ? 'failed' : 'retry-scheduled'
}

function resultOf({ outcome }: { readonly outcome: TaskOutcome | null }): unknown {
  return outcome?.result === undefined ? null : fromJsonText(outcome.result)
}

function refusal(reason: string): TaskyardError {
  return new TaskyardError('invalid_request', { reason: `worker: ${reason}` })
}
