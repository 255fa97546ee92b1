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
   * of one task take `wait`, of all `list`.
   * @throws TaskyardError invalid_request, closed
   */
  on<Event extends EndEvent>(event: Event, listener: TaskEndListener<Handlers, Event>, interest?: TaskInterest): this
  /** Whatever it was interested in. */
  off<Event extends EndEvent>(event: Event, listener: TaskEndListener<Handlers, Event>): this
}

interface Listening {
  readonly event: EndEvent
  readonly listener: unknown
  stop(): void
}

/** Who listens for the ends of tasks in one namespace. */
export class TaskListeners {
  readonly #report: ReportError
  #listening: readonly Listening[] = []

  constructor(report: ReportError) {
    this.#report = report
  }

  /** @throws TaskyardError invalid_request */
  add(calls: UseCases, event: EndEvent, listener: (task: never) => unknown, interest: TaskInterest | undefined): void {
    if (!TERMINAL_STATUSES.includes(event))
      throw refusal(`"${event}" is no event; there are ${TERMINAL_STATUSES.join(', ')}`)
    if (typeof listener !== 'function') throw refusal(`the listener of ${event} is not a function`)
    const during = `a listener of ${event}`
    const stop = calls.onEnded(
      { status: event, ...checkedInterest(interest) },
      {
        ended: (task) => callListener(this.#report, during, () => listener(toTaskDocument(task) as never)),
        missed: (error) => this.#report(error ?? new Error('some tasks that ended were not told'), during),
      },
    )
    this.#listening = [...this.#listening, { event, listener, stop }]
  }

  remove(event: EndEvent, listener: unknown): void {
    const isMeant = (one: Listening) => one.event === event && one.listener === listener
    for (const one of this.#listening) if (isMeant(one)) one.stop()
    this.#listening = this.#listening.filter((one) => !isMeant(one))
  }
}

function refusal(reason: string): TaskyardError {
  return new TaskyardError('invalid_request', { reason })
}
