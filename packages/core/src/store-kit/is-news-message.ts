import type { NewsMessage } from '../ports/news.ts'
import { isTaskId, TASK_STATUSES } from '../task.ts'

/**
 * Whether what came from outside this process is news. Everybody who reaches the database can speak where processes tell
 * each other news, also servers of versions to come.
 */
export function isNewsMessage(value: unknown): value is NewsMessage {
  if (typeof value !== 'object' || value === null) return false
  const { kind, taskId, namespace, workerId, status, tags, ...lane } = value as Readonly<Record<string, unknown>>
  if (typeof taskId !== 'string' || !isTaskId(taskId) || typeof namespace !== 'string') return false
  switch (kind) {
    case 'changed':
      return isIn(TASK_STATUSES, status) && LANE.every((name) => typeof lane[name] === 'string') && areTags(tags)
    case 'recorded':
      return true
    case 'cancel-requested':
      return typeof workerId === 'string'
    default:
      return false
  }
}

const LANE = ['queue', 'type'] as const

function isIn(words: readonly string[], value: unknown): boolean {
  return typeof value === 'string' && words.includes(value)
}

function areTags(tags: unknown): boolean {
  return tags === null || (Array.isArray(tags) && tags.every((tag) => typeof tag === 'string'))
}
