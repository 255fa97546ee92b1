import { isTerminal, LIMITS, type Task, type TaskEvent, TaskyardError } from '@taskyard/core'
import { invalid, isNumberIn, toTaskId } from './check-submission.ts'
import type { Engine } from './engine.ts'
import { createFollowedTasks } from './followed-tasks.ts'
import type { Parts } from './parts.ts'
import { type Change, followChanges } from './task-changes.ts'

/** Events that are read at once for somebody who watches. */
const WATCH_PAGE = 16
/** A watched task's events are read this often even if nothing is seen of it: of a line in the log only news tells. Milliseconds. */
const READ_AGAIN_MS = 15_000

export interface Waiting extends Pick<Engine, 'wait' | 'watch'> {
  /** Ends every wait and watch with what it has. Resolves when no task is looked at any more. */
  stop(): Promise<void>
}

/** Waits for the ends of tasks, and watches of their events. */
export function createWaiting(parts: Parts): Waiting {
  const { clock } = parts
  const followed = createFollowedTasks(parts)
  async function wait(id: string, waitSeconds: number, signal?: AbortSignal): Promise<Task> {
    if (!isNumberIn(waitSeconds, 0, LIMITS.waitSeconds)) throw invalid('/waitSeconds', 'a number from 0 to 60')
    const taskId = toTaskId(id)
    const until = clock.now() + waitSeconds * 1000
    const changes = followChanges(taskId, {
      what: 'end',
      followed,
      clock,
      signal,
      isWanted: ({ terminal }) => terminal,
    })
    try {
      for (let task = await followed.look(taskId); ; ) {
        const left = until - clock.now()
        if (isTerminal(task.status) || left <= 0 || changes.isOver()) return task
        const change = await changes.next(left)
        task = change?.task ?? (await followed.look(taskId))
      }
    } finally {
      changes.end()
    }
  }

  async function* watch(id: string, after: number, signal: AbortSignal): AsyncGenerator<TaskEvent> {
    const taskId = toTaskId(id)
    const changes = followChanges(taskId, { what: 'all', followed, clock, signal, isWanted: createLooksDifferent() })
    const nextPage = (after: number) => readPage(parts, taskId, after)
    let last = after
    try {
      // Known before the events are read: an end that comes in between is among them.
      let wasTerminal = isTerminal((await followed.look(taskId)).status)
      for (;;) {
        const from = last
        for (let page = await nextPage(last); page.length > 0; page = await nextPage(last)) {
          for (const event of page) {
            yield event
            last = event.n
          }
          if (changes.isOver()) return
        }
        if (changes.isOver() || (wasTerminal && last === from)) return
        // It may have been retried since.
        if (wasTerminal) wasTerminal = isTerminal((await followed.look(taskId)).status)
        else wasTerminal = (await changes.next(READ_AGAIN_MS))?.terminal ?? false
      }
    } finally {
      changes.end()
    }
  }

  return { wait, watch, stop: followed.stop }
}

/** Few events: a reader that takes its time holds them all. */
async function readPage({ store }: Parts, taskId: string, after: number): Promise<readonly TaskEvent[]> {
  const events = await store.reads.history({ taskId, after, limit: WATCH_PAGE })
  if (events === null) throw new TaskyardError('task_not_found', { id: taskId })
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
