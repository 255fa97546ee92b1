import { type StoreHealth, TaskyardError, unhealthy } from '@taskyard/core'
import type { RunScript } from './connection.ts'
import { toStoreError } from './redis-errors.ts'
import { SCRIPTS } from './scripts.ts'

/** With less memory left than this the store calls itself unhealthy: a small write may pass where a task would not. */
const LEAST_FREE_BYTES = 4 * 1024 * 1024
/** The same for a Redis that has little in all. */
const LEAST_FREE_SHARE = 0.1

/** The port's `health`. */
export async function health(run: RunScript): Promise<StoreHealth> {
  const from = performance.now()
  const latencyMs = () => performance.now() - from
  try {
    const memory = String(await run(SCRIPTS.probe, []))
    const sizeBytes = bytesOf(memory, 'used_memory')
    const reason = shortageOf(memory)
    if (reason === null) return { healthy: true, latencyMs: latencyMs(), reason, sizeBytes }
    return { ...unhealthy(new TaskyardError('store_full', { reason }), latencyMs()), sizeBytes }
  } catch (error) {
    return unhealthy(toStoreError(error), latencyMs())
  }
}

function shortageOf(memory: string): string | null {
  const limit = bytesOf(memory, 'maxmemory') ?? 0
  if (limit === 0) return null
  const used = (bytesOf(memory, 'used_memory') ?? 0) - (bytesOf(memory, 'mem_not_counted_for_evict') ?? 0)
  const free = limit - used
  if (free >= Math.min(LEAST_FREE_BYTES, limit * LEAST_FREE_SHARE)) return null
  return `Redis has ${Math.max(0, free)} bytes left of its maxmemory of ${limit}`
}

function bytesOf(memory: string, field: string): number | null {
  const digits = new RegExp(`^${field}:(\\d+)`, 'm').exec(memory)?.[1]
  return digits === undefined ? null : Number(digits)
}
