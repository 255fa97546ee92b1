import { type Clock, type OpenedStore, TaskyardError, unsettable } from '@taskyard/core'
import { pause } from '@taskyard/worker'

/** How long a start waits for a store on a server that is not there yet, and how often it looks. */
export const STORE_PATIENCE_SECONDS = 30
const LOOK_MS = 1000

export interface WaitForStore {
  /** Opens the store and brings its schema up to date. */
  open(): Promise<OpenedStore>
  readonly patienceSeconds: number
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Told once, when there is something to wait for. */
  onWait(reason: string): void
}

/**
 * The store, once its server is there: services that start together come up in any order.
 * @throws TaskyardError of the last try, when patience is over or the signal has aborted
 */
export async function waitForStore(params: WaitForStore): Promise<OpenedStore> {
  const { open, patienceSeconds, signal, onWait } = params
  const clock = unsettable(params.clock)
  const until = clock.now() + patienceSeconds * 1000
  for (let tries = 1; ; tries++) {
    try {
      return await open()
    } catch (error) {
      const isAway = error instanceof TaskyardError && error.code === 'store_unavailable'
      if (!isAway || signal.aborted || clock.now() >= until) throw error
      if (tries === 1) onWait(error.message)
      await pause(clock, LOOK_MS, signal)
    }
  }
}
