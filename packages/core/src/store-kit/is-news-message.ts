import type { NewsMessage } from '../ports/news.ts'
import { isTaskId } from '../task.ts'

/**
 * Whether what came from outside this process is news. Everybody who reaches the database can speak where processes tell
 * each other news, also servers of versions to come.
 */
export function isNewsMessage(value: unknown): value is NewsMessage {
  if (typeof value !== 'object' || value === null) return false
  const { kind, taskId, terminal, workerId } = value as Readonly<Record<string, unknown>>
  if (typeof taskId !== 'string' || !isTaskId(taskId)) return false
  switch (kind) {
    case 'changed':
      return typeof terminal === 'boolean'
    case 'cancel-requested':
      return typeof workerId === 'string' || workerId === null
    default:
      return false
  }
}
