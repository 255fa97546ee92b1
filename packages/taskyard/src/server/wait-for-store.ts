import { type Clock, monotonicClock, TaskyardError } from '@taskyard/core'
import { pause } from '@taskyard/worker'

/** How often a start looks for a store on a server that is not there yet. */
const LOOK_MS = 1000

export interface StorePatience {
  readonly seconds: number
  /** Ends the wait. */
  readonly signal: AbortSignal
  /** Told once, when there is something to wait for. */
  onWait(reason: string): void
}

export interface WaitForStore<Store> {
  /** Opens the store and brings its schema up to date. */
  open(): Promise<Store>
  /** `undefined`: there is one try. */
  readonly patience: StorePatience | undefined
  readonly clock: Clock
}

/**
 * The store, once its server is there: services that start together come up in any order.
 * @throws TaskyardError of the last try, when patience is over or the signal has aborted
 */
export async function waitForStore<Store>({ open, patience, ...params }: WaitForStore<Store>): Promise<Store> {
  if (patience === undefined) return open()
  const { seconds, signal, onWait } = patience
  const clock = monotonicClock(params.clock)
  const until = clock.now() + seconds * 1000
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
