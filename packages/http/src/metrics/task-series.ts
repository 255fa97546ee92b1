import type { SettledOutcome } from '@taskyard/engine'
import { type Distribution, newDistribution } from './distribution.ts'

/** The numbers kept per queue and type. */
export interface TaskSeries {
  readonly labels: { readonly queue: string; readonly type: string }
  submitted: number
  readonly outcomes: Record<SettledOutcome['outcome'], number>
  readonly wait: Distribution
  readonly execution: Distribution
}

export interface TaskSeriesTable {
  of(queue: string, type: string): TaskSeries
  all(): Iterable<TaskSeries>
}

/** At most `limit` pairs of queue and type get numbers of their own; all later ones share one named `other`. */
export function createTaskSeriesTable(limit: number): TaskSeriesTable {
  const byQueue = new Map<string, Map<string, TaskSeries>>()
  const series: TaskSeries[] = []
  const overflow = newSeries('other', 'other')
  return {
    of(queue, type) {
      return byQueue.get(queue)?.get(type) ?? (series.length < limit ? add(queue, type) : overflow)
    },
    *all() {
      yield* series
      if (series.length === limit) yield overflow
    },
  }

  function add(queue: string, type: string): TaskSeries {
    const added = newSeries(queue, type)
    const byType = byQueue.get(queue) ?? new Map<string, TaskSeries>()
    byQueue.set(queue, byType.set(type, added))
    series.push(added)
    return added
  }
}

function newSeries(queue: string, type: string): TaskSeries {
  return {
    labels: { queue, type },
    submitted: 0,
    outcomes: { succeeded: 0, failed: 0, cancelled: 0, released: 0, 'retry-scheduled': 0 },
    wait: newDistribution(),
    execution: newDistribution(),
  }
}
