import { type OpenedStore, SUSPECT_ALONE_MS, SUSPECT_CRASHES, SUSPECT_WAIT_MS, type Task } from '@taskyard/core'
import type { KnownWorker } from './known-workers.ts'

/** So many running tasks are looked at for suspects. */
const MOST_RUNNING = 100

/** A worker that starts nothing beside a suspect. */
export interface HeldWorker {
  readonly workerId: string
  readonly suspect: Task
  /** For so long at most. */
  readonly forMs: number
}

/** Whether a task is to run with nothing beside it. */
export function isSuspect({ crashes }: Pick<Task, 'crashes'>): boolean {
  return crashes >= SUSPECT_CRASHES
}

/** Those of some workers of a namespace that a suspect holds; none are looked for while one of them has nothing to do. */
export async function heldWorkers(
  { reads }: Pick<OpenedStore, 'reads'>,
  namespace: string,
  workers: readonly KnownWorker[],
  now: number,
): Promise<ReadonlyMap<string, HeldWorker>> {
  if (workers.some(({ leases }) => leases === 0)) return new Map()
  const { items } = await reads.list({ ...ANY_RUNNING, namespace })
  const held = items.flatMap((task) => holdOf(task, now) ?? [])
  return new Map(held.map((each) => [each.workerId, each]))
}

const ANY_RUNNING = {
  statuses: ['running'],
  type: null,
  queue: null,
  tag: null,
  createdAfter: null,
  createdBefore: null,
  errorCode: null,
  limit: MOST_RUNNING,
  cursor: null,
} as const

/** A worker waits for others to end before a suspect runs alone, and both have a bound. */
function holdOf(task: Task, now: number): HeldWorker | null {
  const { workerId, startedAt } = task
  if (!isSuspect(task) || workerId === null || startedAt === null) return null
  const forMs = startedAt + SUSPECT_WAIT_MS + SUSPECT_ALONE_MS - now
  return forMs > 0 ? { workerId, suspect: task, forMs } : null
}
