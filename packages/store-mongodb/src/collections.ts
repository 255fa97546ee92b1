import { type Collection, type MongoClient, ReadConcern } from 'mongodb'
import type { Deployment } from './deployment.ts'
import type {
  EnvelopeDocument,
  KeyDocument,
  MetaDocument,
  NodeDocument,
  QueueDocument,
  RecordDocument,
  TaskDocument,
  TypeDefaultsDocument,
} from './documents.ts'

export interface Collections {
  readonly tasks: Collection<TaskDocument>
  readonly records: Collection<RecordDocument>
  readonly keys: Collection<KeyDocument>
  readonly queues: Collection<QueueDocument>
  readonly envelopes: Collection<EnvelopeDocument>
  readonly nodes: Collection<NodeDocument>
  /** One for each namespace. */
  readonly types: Collection<TypeDefaultsDocument>
  readonly meta: Collection<MetaDocument>
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
    types: database.collection<TypeDefaultsDocument>('types'),
    meta: database.collection<MetaDocument>('meta'),
  }
}
