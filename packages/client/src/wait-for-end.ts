import { isTerminal, type TaskDocument } from '@taskyard/core'
import { pause } from '@taskyard/worker'
import { TASK } from './expected-answer.ts'
import type { WaitOptions } from './taskyard-api.ts'
import { type Transport, withQuery } from './transport.ts'

const POLL_SECONDS = 30

/** Long polls until the task has ended, the time is over or the signal aborts; then the task as it was last seen. */
export async function waitForEnd(transport: Transport, id: string, options: WaitOptions): Promise<TaskDocument> {
  const { clock, closed } = transport.params
  const signal = options.signal ?? closed
  const path = `/api/v1/tasks/${encodeURIComponent(id)}`
  const endAt = clock.now() + (options.timeoutSeconds ?? Number.POSITIVE_INFINITY) * 1000
  let task = await transport.get<TaskDocument>(path, TASK)
  while (!isTerminal(task.status) && !signal.aborted && clock.now() < endAt) {
    const askedAt = clock.now()
    const waitSeconds = Math.max(0, Math.min(POLL_SECONDS, (endAt - askedAt) / 1000))
    try {
      const poll = { signal, extraMs: waitSeconds * 1000 }
      task = await transport.get<TaskDocument>(withQuery(path, { waitSeconds }), TASK, poll)
    } catch (error) {
      if (signal.aborted && !closed.aborted) return task
      throw error
    }
    // A server that is going away answers at once; its successor needs a moment.
    const early = Math.min(1000, waitSeconds * 1000) - (clock.now() - askedAt)
    if (!isTerminal(task.status) && early > 0) await pause(clock, early, signal)
  }
  return task
}
