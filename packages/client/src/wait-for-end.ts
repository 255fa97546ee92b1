import { isTerminal, type TaskDocument } from '@taskyard/core'
import { pause } from '@taskyard/worker'
import type { WatchedTask } from './stuck-tasks.ts'
import type { TaskLooks } from './task-looks.ts'
import type { WaitOptions } from './taskyard-api.ts'

const POLL_SECONDS = 30
/** For an answer at the end of the time to get here. */
const ANSWER_MS = 1000

/**
 * Long polls until the task has ended, the time is over or the signal aborts; then the task as it was last seen.
 * @param seen what is known of it before
 */
export async function waitForEnd(
  looks: TaskLooks,
  awaited: WatchedTask,
  { timeoutSeconds = Number.POSITIVE_INFINITY, signal = new AbortController().signal }: WaitOptions,
  seen: TaskDocument | null = null,
): Promise<TaskDocument> {
  const { id } = awaited
  const { clock, closed, stuckTasks } = looks
  const endAt = clock.now() + timeoutSeconds * 1000
  const isOver = () => signal.aborted || clock.now() >= endAt
  const endRemarks = stuckTasks.watch(awaited, looks)
  let task = seen
  try {
    for (;;) {
      const askedAt = clock.now()
      const waitSeconds = Math.max(0, Math.min(POLL_SECONDS, (endAt - askedAt) / 1000))
      try {
        // What has not been seen at all is waited for in any case.
        const isBounded = task !== null && waitSeconds < POLL_SECONDS
        task = await (isBounded ? lookInTime : look)(looks, id, waitSeconds, signal)
      } catch (error) {
        if (closed.aborted) throw closed.reason
        if (signal.aborted) return task ?? (await looks.look(id, 0, closed))
        if (isOver() && task !== null) return task
        throw error
      }
      if (isTerminal(task.status)) return task
      closed.throwIfAborted()
      // What is going away answers at once; its successor needs a moment.
      const early = Math.min(1000, waitSeconds * 1000) - (clock.now() - askedAt)
      if (early > 0 && !isOver()) await pause(clock, early, signal)
      if (isOver()) return task
    }
  } finally {
    endRemarks()
  }
}

/** One look, through what passes by itself. */
async function look(looks: TaskLooks, id: string, waitSeconds: number, signal: AbortSignal): Promise<TaskDocument> {
  try {
    return await looks.look(id, waitSeconds, signal)
  } catch (error) {
    signal.throwIfAborted()
    return looks.lookAfter(error, id, signal)
  }
}

/** The same, which nothing on the way makes longer than its time. */
async function lookInTime(
  looks: TaskLooks,
  id: string,
  waitSeconds: number,
  signal: AbortSignal,
): Promise<TaskDocument> {
  const over = new AbortController()
  const callOff = looks.clock.after(waitSeconds * 1000 + ANSWER_MS, () => over.abort())
  try {
    return await look(looks, id, waitSeconds, AbortSignal.any([signal, over.signal]))
  } finally {
    callOff()
  }
}
