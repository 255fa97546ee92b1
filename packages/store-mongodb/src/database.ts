import type { ReadyLane } from '@taskyard/core'
import type { MongoClient } from 'mongodb'
import type { BoundedMap } from './bounded-map.ts'
import type { Collections } from './collections.ts'
import type { Counters } from './counters.ts'
import type { Deployment } from './deployment.ts'
import type { LeaseCache } from './lease-cache.ts'
import type { LaneHeads } from './operations/lane-heads.ts'
import type { SingleFlight } from './single-flight.ts'

/** What every operation works on. */
export interface Database extends Collections {
  readonly client: MongoClient
  readonly name: string
  readonly deployment: Deployment
  readonly counters: Counters
  /** Lanes this process has seen in the store; only ever a shortcut. */
  readonly knownLanes: BoundedMap<string, true>
  readonly lanesUnderWay: SingleFlight
  /** Leases given out here, as they began: what their settlements need to know, without reading it again. */
  readonly leases: LeaseCache
  /** What sweeps remember. */
  readonly upkeep: Upkeep
  /** How much queues hold, by what was read lately and submitted here since. */
  readonly fillings: BoundedMap<string, Filling>
  readonly fillingsUnderWay: SingleFlight
  /** Hands ready tasks to the claims of this process. */
  readonly laneHeads: LaneHeads
  /** A word that no other call of any process has. */
  nextMark(): string
  /** Tells that tasks may have become ready. */
  publishReady(lanes: readonly ReadyLane[]): void
  /** Milliseconds of a clock that nobody sets. */
  monotonic(): number
}

export interface Upkeep {
  /** What finished tasks of all queues took when that was last read; only worth to know where there are many queues. */
  finished: { readonly bytes: number; readonly readAt: number } | null
}

export interface Filling {
  readonly readAt: number
  waiting: number
}
