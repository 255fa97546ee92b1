import type { AnyTaskOf } from '@taskyard/client'
import { checkedInterest, type TaskInterest } from '@taskyard/client/shared'
import {
  type TaskHandlers,
  TaskyardError,
  TERMINAL_STATUSES,
  type TerminalStatus,
  toTaskDocument,
} from '@taskyard/core'
import type { UseCases } from '@taskyard/engine'
import { callListener, type ReportError } from '@taskyard/worker'

/** How a task can end, and so what can be listened for. */
export type EndEvent = TerminalStatus

/** One that throws, or rejects, harms nobody: `onError` is told. */
export type TaskEndListener<Handlers extends TaskHandlers, Event extends EndEvent> = (
  task: Extract<AnyTaskOf<Handlers>, { readonly status: Event }>,
) => unknown

/** Tasks as they end, whoever ran them and wherever. */
export interface TaskEnds<Handlers extends TaskHandlers = TaskHandlers> {
  /**
   * Calls `listener` with each task of this namespace that ends so. Best effort: not with tasks that ended before it was called, or
   * within the first moment after where other processes use the store, and what was missed is told to `onError`, not later. To be sure
   * of one task take `wait`, of all `list`. Added again with the same interest, it is told once all the same.
   * @throws TaskyardError invalid_request, closed
   */
  on<Event extends EndEvent>(event: Event, listener: TaskEndListener<Handlers, Event>, interest?: TaskInterest): this
  /** Whatever it was interested in, and by whichever `in()` of this namespace it was added. */
  off<Event extends EndEvent>(event: Event, listener: TaskEndListener<Handlers, Event>): this
}

interface Listening extends Listener {
  readonly interest: TaskInterest
  stop(): void
}

interface Listener {
  readonly namespace: string
  readonly event: EndEvent
  readonly listener: unknown
}

/** Who listens for the ends of tasks, in every namespace. */
export class TaskListeners {
  readonly #report: ReportError
  readonly #listening = new Set<Listening>()

  constructor(report: ReportError) {
    this.#report = report
  }

  /** @throws TaskyardError invalid_request */
  add(calls: UseCases, event: EndEvent, listener: (task: never) => unknown, interest: TaskInterest | undefined): void {
    if (!TERMINAL_STATUSES.includes(event))
      throw refusal(`"${event}" is no event; there are ${TERMINAL_STATUSES.join(', ')}`)
    if (typeof listener !== 'function') throw refusal(`the listener of ${event} is not a function`)
    const wanted = { namespace: calls.namespace, event, listener, interest: checkedInterest(interest) }
    if (this.#listening.values().some((one) => isSame(one, wanted) && hasSameInterest(one, wanted))) return
    const during = `a listener of ${event}`
    const stop = calls.onEnded(
      { status: event, ...wanted.interest },
      {
        ended: (task) => callListener(this.#report, during, () => listener(toTaskDocument(task) as never)),
        missed: (error) => this.#report(error ?? new Error('some tasks that ended were not told'), during),
      },
    )
    this.#listening.add({ ...wanted, stop })
  }

  remove(wanted: Listener): void {
    for (const one of this.#listening) {
      if (!isSame(one, wanted)) continue
      this.#listening.delete(one)
      one.stop()
    }
  }
}

function isSame(one: Listener, other: Listener): boolean {
  return one.namespace === other.namespace && one.event === other.event && one.listener === other.listener
}

function hasSameInterest({ interest: one }: Listening, { interest: other }: Pick<Listening, 'interest'>): boolean {
  return one.type === other.type && one.queue === other.queue && one.tag === other.tag
}

function refusal(reason: string): TaskyardError {
  return new TaskyardError('invalid_request', { reason })
}
