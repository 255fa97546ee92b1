import type { TaskFilter } from '../ports/reads.ts'
import type { TaskStatus } from '../task.ts'

/** Tasks that run have none yet, and those that succeeded none any more. */
const WITH_ERROR: readonly TaskStatus[] = ['scheduled', 'queued', 'failed', 'cancelled']

/** The statuses of tasks that a filter can mean, each once; `null`: all. */
export function listedStatuses({
  statuses,
  errorCode,
}: Pick<TaskFilter, 'statuses' | 'errorCode'>): readonly TaskStatus[] | null {
  if (errorCode === null) return statuses === null ? null : [...new Set(statuses)]
  return statuses === null ? WITH_ERROR : WITH_ERROR.filter((status) => statuses.includes(status))
}
