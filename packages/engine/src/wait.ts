import { isNumberIn, isTerminal, LIMITS, type Task, type TaskEvent, TaskyardError } from '@taskyard/core'
import { invalid, toTaskId } from './check-submission.ts'
import type { UseCases } from './engine.ts'
import type { EngineContext } from './engine-context.ts'
import { createFollowedTasks, type TaskName } from './followed-tasks.ts'
import type { InNamespace } from './in-namespace.ts'
import { type Change, followChanges } from './task-changes.ts'

/** Events that are read at once for somebody who watches. */
const WATCH_PAGE = 16
/** A watched task's events are read this often even if nothing is seen of it: of a line in the log only news tells. Milliseconds. */
const READ_AGAIN_MS = 15_000

export interface Waiting {
  readonly inNamespace: InNamespace<Pick<UseCases, 'wait' | 'watch'>>
  /** Ends every wait and watch with what it has. Resolves when no task is looked at any more. */
  stop(): Promise<void>
}

/** Waits for the ends of tasks, and watches of their events. */
export function createWaiting(context: EngineContext): Waiting {
  const { clock } = context
  const followed = createFollowedTasks(context)
  async function wait(namespace: string, id: string, waitSeconds: number, signal?: AbortSignal): Promise<Task> {
    if (!isNumberIn(waitSeconds, 0, LIMITS.waitSeconds)) throw invalid('/waitSeconds', 'a number from 0 to 60')
    const task = { namespace, taskId: toTaskId(id) }
    const until = clock.now() + waitSeconds * 1000
    const isWanted = ({ terminal }: Change) => terminal
    const changes = followChanges(task, { what: 'end', followed, clock, signal, isWanted })
    try {
      for (let seen = await followed.look(task); ; ) {
        const left = until - clock.now()
        if (isTerminal(seen.status) || left <= 0 || changes.isOver()) return seen
        const change = await changes.next(left)
        seen = change?.task ?? (await followed.look(task))
      }
    } finally {
      changes.end()
    }
  }

  async function* watch(namespace: string, id: string, after: number, signal: AbortSignal): AsyncGenerator<TaskEvent> {
    const task = { namespace, taskId: toTaskId(id) }
    const changes = followChanges(task, { what: 'all', followed, clock, signal, isWanted: createLooksDifferent() })
    let last = after
    const nextPage = () => readPage(context, task, last)
    try {
      // Known before the events are read: an end that comes in between is among them.
      let wasTerminal = isTerminal((await followed.look(task)).status)
      for (;;) {
        const from = last
        for (let page = await nextPage(); page.length > 0; page = await nextPage()) {
          for (const event of page) {
            yield event
            last = event.n
          }
          if (changes.isOver()) return
        }
        if (changes.isOver() || (wasTerminal && last === from)) return
        // It may have been retried since.
        if (wasTerminal) wasTerminal = isTerminal((await followed.look(task)).status)
        else wasTerminal = (await changes.next(READ_AGAIN_MS))?.terminal ?? false
      }
    } finally {
      changes.end()
    }
  }

  return {
    inNamespace: (namespace) => ({
      wait: (id, waitSeconds, signal) => wait(namespace, id, waitSeconds, signal),
      watch: (id, after, signal) => watch(namespace, id, after, signal),
    }),
    stop: followed.stop,
  }
}

/** Few events: a reader that takes its time holds them all. */
async function readPage({ store }: EngineContext, task: TaskName, after: number): Promise<readonly TaskEvent[]> {
  const events = await store.reads.history({ ...task, after, limit: WATCH_PAGE })
  if (events === null) throw new TaskyardError('task_not_found', { id: task.taskId, namespace: task.namespace })
  return events
}

/** Whether a task has events that the look before did not know of, as far as a look can tell. */
function createLooksDifferent(): (change: Change) => boolean {
  let before = ''
  return ({ task, isSure }) => {
    if (!isSure) {
      // The next look is one too many, rather than each of these: they may be many.
      before = ''
      return false
    }
    if (task === null) return true
    const { status, attempt, crashes, progress, workerId, runAt, cancelRequestedAt } = task
    const now = JSON.stringify([status, attempt, crashes, progress, workerId, runAt, cancelRequestedAt])
    const isDifferent = now !== before
    before = now
    return isDifferent
  }
}
