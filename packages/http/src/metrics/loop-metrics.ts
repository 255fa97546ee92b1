import type { LoopReport } from '@taskyard/engine'
import type { Registry } from 'prom-client'
import { addCounter, addGauge } from './computed-metric.ts'

/** What is seen of each background loop; the returned function hands in the loops of the next scrape. */
export function createLoopMetrics(registry: Registry): (loops: readonly LoopReport[]) => void {
  let current: readonly LoopReport[] = []
  const count = (name: string, help: string, of: (loop: LoopReport) => number) =>
    addCounter(registry, { name, help }, function* () {
      for (const loop of current) yield [{ loop: loop.name }, of(loop)]
    })
  count('taskyard_loop_rounds_total', 'Rounds of a background loop', ({ rounds }) => rounds)
  count('taskyard_loop_failures_total', 'Failures of a background loop', ({ failures }) => failures)
  count('taskyard_loop_busy_seconds_total', 'Time spent in rounds of a background loop', ({ busyMs }) => busyMs / 1000)
  const failing = { name: 'taskyard_loop_failing', help: '1 while a background loop fails, else 0' }
  addGauge(registry, failing, function* () {
    for (const { name, healthy } of current) yield [{ loop: name }, healthy ? 0 : 1]
  })
  return (loops) => {
    current = loops
  }
}
