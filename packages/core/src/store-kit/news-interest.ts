import type { CancelRequested, NewsInterest, NewsMessage, TaskChanged, TasksOfInterest } from '../ports/news.ts'
import { isTaskId, TASK_STATUSES, type TaskStatus } from '../task.ts'

/** What is news of tasks, and not a request to a worker. */
export type TaskNews = Exclude<NewsMessage, CancelRequested>

/** What can be listened for of tasks. */
export type TaskInterest = Exclude<NewsInterest, { readonly of: 'cancel-requests' }>

/** Whether a filter lets a change through. */
export function isOfInterest(filter: TasksOfInterest, { namespace, queue, type, tags, status }: TaskChanged): boolean {
  return (
    (filter.namespace ?? namespace) === namespace &&
    (filter.queue ?? queue) === queue &&
    (filter.type ?? type) === type &&
    (filter.tag === undefined || tags === null || tags.includes(filter.tag)) &&
    (filter.statuses === undefined || filter.statuses.includes(status))
  )
}

/** The statuses whose tasks an interest may be about. */
export function statusesOfInterest(interest: TaskInterest): readonly TaskStatus[] {
  return interest.of === 'task' ? TASK_STATUSES : (interest.statuses ?? TASK_STATUSES)
}

/** Whether what another process says is an interest. */
export function isTaskInterest(value: unknown): value is TaskInterest {
  if (typeof value !== 'object' || value === null) return false
  const { of, taskId, statuses, ...rest } = value as Readonly<Record<string, unknown>>
  if (of === 'task') return typeof taskId === 'string' && isTaskId(taskId) && typeof rest.namespace === 'string'
  if (of !== 'tasks' || !FILTERS.every((name) => rest[name] === undefined || typeof rest[name] === 'string'))
    return false
  return (
    statuses === undefined || (Array.isArray(statuses) && statuses.every((status) => TASK_STATUSES.includes(status)))
  )
}

const FILTERS = ['namespace', 'queue', 'type', 'tag'] as const
