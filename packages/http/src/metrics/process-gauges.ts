import type { Registry } from 'prom-client'
import { addGauge, type Labels } from './computed-metric.ts'

/** What a process is, and how it is now. */
export interface ProcessState {
  readonly version: string
  /** The kind of its store. */
  readonly store: string
  readonly connectedWorkers: number
  /** `null`: the store does not say, or cannot now. */
  readonly storeBytes: number | null
  readonly draining: boolean
}

/** Gauges of the process as a whole; the returned function hands in its state for the next scrape. */
export function createProcessGauges(registry: Registry): (state: ProcessState) => void {
  let current: ProcessState | null = null
  const gauge = (name: string, help: string, read: (state: ProcessState) => [Labels, number] | null) =>
    addGauge(registry, { name, help }, function* () {
      const sample = current === null ? null : read(current)
      if (sample !== null) yield sample
    })
  gauge('taskyard_info', 'Always 1; what runs here', ({ version, store }) => [{ version, store }, 1])
  gauge('taskyard_workers_connected', 'Workers that are connected to this process, embedded ones too', (state) => [
    {},
    state.connectedWorkers,
  ])
  gauge('taskyard_store_size_bytes', 'What the store takes, where it says', ({ storeBytes }) =>
    storeBytes === null ? null : [{}, storeBytes],
  )
  gauge('taskyard_draining', '1 once the process has begun to stop, else 0', ({ draining }) => [{}, draining ? 1 : 0])
  return (state) => {
    current = state
  }
}
