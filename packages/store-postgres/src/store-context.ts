import type { ReadyLane } from '@taskyard/core'
import type { Database } from './database.ts'
import type { IdSkew } from './id-times.ts'
import type { Lanes } from './lanes.ts'
import type { Maintenance } from './maintenance.ts'
import type { LockTurns } from './operations/lock-turns.ts'
import type { ServerTime } from './server-time.ts'

/** What every operation works with. */
export interface StoreContext {
  readonly database: Database
  readonly maintenance: Maintenance
  readonly lanes: Lanes
  readonly time: ServerTime
  readonly idSkew: IdSkew
  readonly lockTurns: LockTurns
  /** Tells who waits in this process that these will have ready tasks. */
  readonly hintReady: (lanes: readonly ReadyLane[]) => void
  /** Told of lanes that have got ready tasks, once that is committed. */
  readonly publishReady: (lanes: readonly number[]) => void
}
