import type { ReadyLane } from '@taskyard/core'
import { type Collection, type MongoClient, ReadConcern } from 'mongodb'
import type { BoundedMap } from './bounded-map.ts'
import type { Counters } from './counters.ts'
import type { Deployment } from './deployment.ts'
import type {
  EnvelopeDocument,
  KeyDocument,
  MetaDocument,
  NodeDocument,
  QueueDocument,
  RecordDocument,
  TaskDocument,
} from './documents.ts'
import type { LeaseCache } from './lease-cache.ts'
import type { Heads } from './operations/heads.ts'
import type { UnderWay } from './under-way.ts'

export interface Collections {
  readonly tasks: Collection<TaskDocument>
  readonly records: Collection<RecordDocument>
  readonly keys: Collection<KeyDocument>
  readonly queues: Collection<QueueDocument>
  readonly envelopes: Collection<EnvelopeDocument>
  readonly nodes: Collection<NodeDocument>
  readonly meta: Collection<MetaDocument>
}

/** What every operation works on. */
export interface Database extends Collections {
  readonly client: MongoClient
  readonly name: string
  readonly deployment: Deployment
  readonly counters: Counters
  /** Lanes this process has seen in the store; only ever a shortcut. */
  readonly knownLanes: BoundedMap<string, true>
  readonly lanesUnderWay: UnderWay
  /** Leases given out here, as they began: what their settlements need to know, without reading it again. */
  readonly leases: LeaseCache
  /** What sweeps remember. */
  readonly upkeep: Upkeep
  /** How much queues hold, by what was read lately and submitted here since. */
  readonly fillings: BoundedMap<string, Filling>
  readonly fillingsUnderWay: UnderWay
  /** Hands ready tasks to the claims of this process. */
  readonly heads: Heads
  /** A word that no other call of any process has. */
  nextMark(): string
  /** Tells that tasks may have become ready. */
  announce(lanes: readonly ReadyLane[]): void
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

const WRITE_CONCERN = { w: 'majority', journal: true } as const

/**
 * The collections of one database: every write waits for a majority's journals. Reads see what a majority has, so that
 * nothing shown is undone by a failover; a server that is alone has no majority to ask.
 */
export function collectionsOf(client: MongoClient, name: string, { kind }: Deployment): Collections {
  const isReplicated = kind === 'replica set' || kind === 'sharded cluster'
  const database = client.db(name, {
    writeConcern: WRITE_CONCERN,
    readPreference: 'primary',
    ...(isReplicated ? { readConcern: new ReadConcern('majority') } : {}),
  })
  return {
    tasks: database.collection<TaskDocument>('tasks'),
    records: database.collection<RecordDocument>('records'),
    keys: database.collection<KeyDocument>('keys'),
    queues: database.collection<QueueDocument>('queues'),
    envelopes: database.collection<EnvelopeDocument>('envelopes'),
    nodes: database.collection<NodeDocument>('nodes'),
    meta: database.collection<MetaDocument>('meta'),
  }
}
