import type { Clock, TaskStore } from '@taskyard/core'
import type { StoreLocation } from './configuration/value-kinds.ts'

/**
 * Opens the store of a location. Its driver is loaded only now.
 * @throws TaskyardError store_locked, store_corrupt, store_read_only, store_unavailable
 */
export async function openStore(location: StoreLocation, clock: Clock): Promise<TaskStore> {
  const { openSqliteStore } = await import('@taskyard/store-sqlite')
  return openSqliteStore({ path: location.path, clock })
}
