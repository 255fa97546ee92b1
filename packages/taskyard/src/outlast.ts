import { TaskyardError } from '@taskyard/core'
import { pause } from '@taskyard/worker'
import type { Shared } from './open-shared.ts'

/** A wait or a watch looks again after so long when the store was away. */
const STORE_AWAY_MS = 500

/** Lets a moment pass when the store is away; any other error is the caller's. */
export async function outlast(error: unknown, shared: Shared, signal: AbortSignal | undefined): Promise<void> {
  const isStoreAway = error instanceof TaskyardError && error.code === 'store_unavailable'
  if (!isStoreAway || shared.closing !== null) throw error
  const closed = shared.closed.signal
  await pause(shared.clock, STORE_AWAY_MS, signal === undefined ? closed : AbortSignal.any([signal, closed]))
}
