import { type TaskDocument, type TaskWaiting, TaskyardError } from '@taskyard/core'
import type { TaskEventDocument } from './documents.ts'
import { type Expected, isList, isText, TASK } from './expected-answer.ts'
import type { StuckTasks } from './stuck-tasks.ts'
import type { TaskLooks } from './task-looks.ts'
import { type Transport, withQuery } from './transport.ts'

const WAITING: Expected = { taskId: isText, reasons: isList }

/** Where a task is. */
export function taskPath(id: string): string {
  return `/api/v1/tasks/${encodeURIComponent(id)}`
}

/** Looks at tasks by calls. A server may be away for as long as other calls are repeated, from when it went. */
export function looksOver(transport: Transport, stuckTasks: StuckTasks): TaskLooks {
  const { clock, closed } = transport.params
  return {
    clock,
    closed,
    stuckTasks,
    look: (id, waitSeconds, signal) =>
      transport.get<TaskDocument>(withQuery(taskPath(id), { waitSeconds }), TASK, {
        signal,
        extraMs: waitSeconds * 1000,
        once: true,
      }),
    async lookAfter(error, id, signal) {
      if (!(error instanceof TaskyardError) || !error.retryable) throw error
      return transport.get(taskPath(id), TASK, { signal })
    },
    waiting: (id, signal) => transport.get<TaskWaiting>(`${taskPath(id)}/waiting`, WAITING, { signal }),
    async events(id, after) {
      const expected = { events: (value: unknown) => isList(value) && value.every(({ n }) => Number(n) > after) }
      const path = `${taskPath(id)}/events?after=${after}`
      return (await transport.get<{ events: TaskEventDocument[] }>(path, expected)).events
    },
  }
}
