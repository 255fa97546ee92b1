import type { ReadyLane } from '@taskyard/core'
import type { SettledOutcome } from '@taskyard/engine'
import { type Distribution, newDistribution } from './distribution.ts'

/** The numbers kept per namespace, queue and type. */
export interface TaskSeries {
  readonly labels: Readonly<Record<keyof ReadyLane, string>>
  submitted: number
  readonly outcomes: Record<SettledOutcome['outcome'], number>
  readonly wait: Distribution
  readonly execution: Distribution
}

export interface TaskSeriesTable {
  of(task: ReadyLane): TaskSeries
  all(): Iterable<TaskSeries>
}

/** At most `limit` triples of namespace, queue and type get numbers of their own; all later ones share one named `other`. */
export function createTaskSeriesTable(limit: number): TaskSeriesTable {
  const byNamespace = new Map<string, Map<string, Map<string, TaskSeries>>>()
  const series: TaskSeries[] = []
  const overflow = newSeries({ namespace: 'other', queue: 'other', type: 'other' })
  return {
    of(task) {
      const known = byNamespace.get(task.namespace)?.get(task.queue)?.get(task.type)
      return known ?? (series.length < limit ? add(task) : overflow)
    },
    *all() {
      yield* series
      if (series.length === limit) yield overflow
    },
  }

  function add({ namespace, queue, type }: ReadyLane): TaskSeries {
    const added = newSeries({ namespace, queue, type })
    const byQueue = byNamespace.get(namespace) ?? new Map<string, Map<string, TaskSeries>>()
    const byType = byQueue.get(queue) ?? new Map<string, TaskSeries>()
    byNamespace.set(namespace, byQueue.set(queue, byType.set(type, added)))
    series.push(added)
    return added
  }
}

function newSeries(labels: TaskSeries['labels']): TaskSeries {
  return {
    labels,
    submitted: 0,
    outcomes: { succeeded: 0, failed: 0, cancelled: 0, released: 0, 'retry-scheduled': 0 },
    wait: newDistribution(),
    execution: newDistribution(),
  }
}
