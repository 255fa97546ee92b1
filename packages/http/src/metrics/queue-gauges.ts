import { TASK_STATUSES, type TaskStatus } from '@taskyard/core'
import type { QueueOfNamespace } from '@taskyard/engine'
import type { Registry } from 'prom-client'
import { addGauge } from './computed-metric.ts'
import { OTHER } from './task-series.ts'

interface QueueNumbers {
  readonly namespace: string
  readonly queue: string
  readonly counts: Readonly<Record<TaskStatus, number>>
  readonly oldestReadyAgeSeconds: number | null
}

/** Gauges of each queue's depth and age; the returned function hands in the queues of the next scrape. */
export function createQueueGauges(
  registry: Registry,
  labelLimit: number,
): (queues: readonly QueueOfNamespace[]) => void {
  let current: readonly QueueNumbers[] = []
  addGauge(registry, { name: 'taskyard_queue_depth', help: 'Tasks per queue and status' }, function* () {
    for (const { namespace, queue, counts } of current)
      for (const status of TASK_STATUSES) yield [{ namespace, queue, status }, counts[status]]
  })
  const age = {
    name: 'taskyard_queue_oldest_ready_age_seconds',
    help: 'How long the ready task that has waited longest has waited; 0 when none waits',
  }
  addGauge(registry, age, function* () {
    for (const { namespace, queue, oldestReadyAgeSeconds } of current)
      yield [{ namespace, queue }, oldestReadyAgeSeconds ?? 0]
  })
  return (queues) => {
    const isOther = ({ namespace, queue }: QueueOfNamespace) => namespace === OTHER && queue === OTHER
    const named = queues.filter((queue) => !isOther(queue))
    const rest = [...queues.filter(isOther), ...named.slice(labelLimit)]
    current = rest.length === 0 ? queues : [...named.slice(0, labelLimit), combined(rest)]
  }
}

function combined(queues: readonly QueueOfNamespace[]): QueueNumbers {
  const sum = (status: TaskStatus) => queues.reduce((total, { counts }) => total + counts[status], 0)
  return {
    namespace: OTHER,
    queue: OTHER,
    counts: Object.fromEntries(TASK_STATUSES.map((status) => [status, sum(status)])) as Record<TaskStatus, number>,
    oldestReadyAgeSeconds: queues.reduce((oldest, queue) => Math.max(oldest, queue.oldestReadyAgeSeconds ?? 0), 0),
  }
}
