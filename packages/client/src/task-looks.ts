import type { Clock, TaskDocument, TaskWaiting } from '@taskyard/core'
import type { TaskEventDocument } from './documents.ts'
import type { StuckTasks } from './stuck-tasks.ts'

/** How who waits for tasks looks at them: in the store that was opened, or over HTTP. */
export interface TaskLooks {
  readonly clock: Clock
  /** Aborts when nothing can be looked at any more, with what is thrown then. */
  readonly closed: AbortSignal
  readonly stuckTasks: StuckTasks
  /** One try: the task once it has ended, or as it is when so many seconds are over. @throws the reason of the signal, too */
  look(id: string, waitSeconds: number, signal: AbortSignal): Promise<TaskDocument>
  /** After an error that passes by itself the task once it can be looked at again. @throws any other; the reason of the signal, too */
  lookAfter(error: unknown, id: string, signal: AbortSignal): Promise<TaskDocument>
  waiting(id: string, signal?: AbortSignal): Promise<TaskWaiting>
  /** The first events of a task with a greater `n`; none when there are no more. */
  events(id: string, after: number): Promise<readonly TaskEventDocument[]>
}
