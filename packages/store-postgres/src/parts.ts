import type { Database } from './database.ts'
import type { IdSkew } from './id-times.ts'
import type { Lanes } from './lanes.ts'
import type { ServerTime } from './server-time.ts'

/** What every operation stands on. */
export interface Parts {
  readonly database: Database
  readonly lanes: Lanes
  readonly time: ServerTime
  readonly idSkew: IdSkew
  /** Told of lanes that have got ready tasks, once that is committed. */
  readonly readied: (lanes: readonly number[]) => void
}
