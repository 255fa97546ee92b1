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

/** In the place of names that have no series of their own. Somebody may use it as a name, too: that is counted with them. */
export const OTHER = 'other'

/** At most `limit` triples of namespace, queue and type get numbers of their own; all later ones share one named `other`. */
export function createTaskSeriesTable(limit: number): TaskSeriesTable {
  const byNamespace = new Map<string, Map<string, Map<string, TaskSeries>>>()
  const series: TaskSeries[] = []
  const overflow = newSeries({ namespace: OTHER, queue: OTHER, type: OTHER })
  return {
    of(task) {
      const known = byNamespace.get(task.namespace)?.get(task.queue)?.get(task.type)
      return known ?? (series.length < limit ? add(task) : overflow)
    },
    all: () => new Set(series.length === limit ? [...series, overflow] : series),
  }

  function add({ namespace, queue, type }: ReadyLane): TaskSeries {
    // Two series of the same labels would spoil the whole answer.
    const isOther = namespace === OTHER && queue === OTHER && type === OTHER
    const added = isOther ? overflow : newSeries({ namespace, queue, type })
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
