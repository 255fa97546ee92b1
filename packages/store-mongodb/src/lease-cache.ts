import type { LightTask } from './documents.ts'

/** Leases remembered; older ones are read again when they are settled. */
const MOST_LEASES = 20_000

export interface LeaseCache {
  add(task: LightTask): void
  /** The task as it was when this lease began; it may have been lost since. */
  take(taskId: string, token: number): LightTask | undefined
}

export function createLeaseCache(): LeaseCache {
  const tasks = new Map<string, LightTask>()
  return {
    add(task) {
      tasks.delete(task._id)
      tasks.set(task._id, task)
      if (tasks.size > MOST_LEASES) tasks.delete(tasks.keys().next().value as string)
    },
    take(taskId, token) {
      const task = tasks.get(taskId)
      if (task?.token !== token) return undefined
      tasks.delete(taskId)
      return task
    },
  }
}
