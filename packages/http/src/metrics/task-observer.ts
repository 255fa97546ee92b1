import type { EngineObserver } from '@taskyard/engine'
import type { Registry } from 'prom-client'
import { addCounter, addHistogram } from './computed-metric.ts'
import { observe } from './distribution.ts'
import { createTaskSeriesTable, type TaskSeriesTable } from './task-series.ts'

/** Counts what the engine tells of. */
export function createTaskObserver(
  registry: Registry,
  labelLimit: number,
): Required<Omit<EngineObserver, 'backgroundRecovered' | 'attemptFailed'>> {
  const table = createTaskSeriesTable(labelLimit)
  const leasesEnded = { expired: 0, timeout: 0, cancelled: 0 }
  const staleWrites = { extend: 0, settle: 0, record: 0 }
  const backgroundErrors: Record<string, number> = {}
  addTaskMetrics(registry, table)
  addByLabel(
    registry,
    'taskyard_leases_expired_total',
    'Leases that ended without a word of their worker',
    'reason',
    leasesEnded,
  )
  addByLabel(
    registry,
    'taskyard_stale_writes_refused_total',
    'Writes under a dead lease, refused',
    'operation',
    staleWrites,
  )
  addByLabel(registry, 'taskyard_background_errors_total', 'Failures in the background', 'service', backgroundErrors)
  return {
    submitted(task) {
      table.of(task).submitted++
    },
    settled(settled) {
      const { outcome, waitMs, runMs } = settled
      const series = table.of(settled)
      series.outcomes[outcome]++
      observe(series.wait, waitMs / 1000)
      observe(series.execution, runMs / 1000)
    },
    leaseEnded(_task, reason) {
      leasesEnded[reason]++
    },
    staleWriteRefused(_namespace, operation) {
      staleWrites[operation]++
    },
    backgroundError(service) {
      backgroundErrors[service] = (backgroundErrors[service] ?? 0) + 1
    },
  }
}

function addTaskMetrics(registry: Registry, table: TaskSeriesTable): void {
  addCounter(registry, { name: 'taskyard_tasks_submitted_total', help: 'Tasks accepted' }, function* () {
    for (const { labels, submitted } of table.all()) yield [labels, submitted]
  })
  addCounter(registry, { name: 'taskyard_task_outcomes_total', help: 'Attempts settled, by outcome' }, function* () {
    for (const { labels, outcomes } of table.all())
      for (const [outcome, count] of Object.entries(outcomes)) if (count > 0) yield [{ ...labels, outcome }, count]
  })
  const wait = { name: 'taskyard_task_wait_seconds', help: 'From readiness to the start of an attempt' }
  addHistogram(registry, wait, function* () {
    for (const series of table.all()) yield [series.labels, series.wait]
  })
  const execution = { name: 'taskyard_task_execution_seconds', help: 'From the start of an attempt to its settlement' }
  addHistogram(registry, execution, function* () {
    for (const series of table.all()) yield [series.labels, series.execution]
  })
}

function addByLabel(registry: Registry, name: string, help: string, label: string, counts: Record<string, number>) {
  addCounter(registry, { name, help }, function* () {
    for (const [value, count] of Object.entries(counts)) yield [{ [label]: value }, count]
  })
}
