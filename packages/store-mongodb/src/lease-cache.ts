import type { LeaseRef } from '@taskyard/core'
import { createBoundedMap } from './bounded-map.ts'
import type { LightTask } from './documents.ts'

/** Leases remembered; older ones are read again when they are settled. */
const MOST_LEASES = 20_000

export interface LeaseCache {
  add(task: LightTask): void
  /** The task as it was when this lease began; it may have been lost since. `undefined`, too, where it is of another namespace. */
  take(namespace: string, lease: LeaseRef): LightTask | undefined
}

/** Of this process alone: what it does not know is read. */
export function createLeaseCache(): LeaseCache {
  const tasks = createBoundedMap<string, LightTask>(MOST_LEASES)
  return {
    add: (task) => tasks.set(task._id, task),
    take(namespace, { taskId, token }) {
      const task = tasks.get(taskId)
      if (task?.token !== token || task.namespace !== namespace) return undefined
      tasks.delete(taskId)
      return task
    },
  }
}
