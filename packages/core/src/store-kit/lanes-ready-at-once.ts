import type { EnqueueParams } from '../ports/tasks.ts'
import type { ReadyLane } from '../ports/wake-ups.ts'

/** A claim may join the transaction of a call of fewer tasks than this: more would keep it waiting for too long. */
export const JOINABLE_BELOW_TASKS = 100

/**
 * The lanes that have ready tasks as soon as these are stored, for an early word to who waits. A lane is named once for all
 * of its tasks that follow each other.
 * @param belowTasks a call of so many tasks or more names none
 */
export function lanesReadyAtOnce(
  submissions: EnqueueParams['submissions'],
  belowTasks = Number.POSITIVE_INFINITY,
): readonly ReadyLane[] {
  const lanes: ReadyLane[] = []
  let count = 0
  for (const { tasks } of submissions) {
    count += tasks.length
    if (count >= belowTasks) return []
    for (const { namespace, queue, type, runAt, delayMs } of tasks) {
      if (runAt !== null || delayMs > 0) continue
      const last = lanes.at(-1)
      if (last?.type === type && last.queue === queue && last.namespace === namespace) continue
      lanes.push({ namespace, queue, type })
    }
  }
  return lanes
}
