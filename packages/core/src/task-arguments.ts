import { TaskyardError } from './errors.ts'
import { nounOf } from './noun-of.ts'

/** The id of a task given as itself, as what a batch answered for it, or by its id. @throws TaskyardError invalid_request */
export function taskIdOf(task: unknown): string {
  const id = typeof task === 'object' && task !== null && 'id' in task ? task.id : task
  if (typeof id === 'string') return id
  throw new TaskyardError('invalid_request', { reason: `wait takes a task or its id, not ${nounOf(task)}` })
}

/** @throws TaskyardError invalid_request */
export function assertTaskList(tasks: unknown): void {
  if (Array.isArray(tasks)) return
  throw new TaskyardError('invalid_request', { reason: `submitMany takes an array of tasks, not ${nounOf(tasks)}` })
}
