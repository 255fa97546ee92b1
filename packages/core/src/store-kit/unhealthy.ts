import { TaskyardError } from '../errors.ts'
import type { StoreHealth } from '../ports/lifecycle.ts'

/** The health of a store that met this error, under its code where it is one of the catalogue. */
export function unhealthy(error: unknown, latencyMs: number): StoreHealth {
  const reason = error instanceof Error ? error.message : String(error)
  const code = error instanceof TaskyardError ? { code: error.code } : {}
  return { healthy: false, latencyMs, reason, ...code, sizeBytes: null }
}
