import { type Finding, finding } from '@taskyard/core'
import type { Db } from 'mongodb'
import { collectionsOf } from './collections.ts'
import { type Connection, connect } from './connect.ts'
import { whyUnsafe } from './deployment.ts'
import { latencyFinding } from './inspect-latency.ts'
import { oplogFinding, replicationFinding } from './inspect-replication.ts'
import { toStoreError } from './mongodb-errors.ts'
import type { MongoDbStoreOptions } from './open-mongodb-store.ts'
import { wantedIndexes } from './schema.ts'

/**
 * What an operator should know about the store's server: version, durability, replication, indexes, size, slow claims.
 * Changes nothing, and needs no store there.
 * @throws TaskyardError invalid_configuration, store_read_only, store_unavailable
 */
export async function inspectMongoDbStore(options: MongoDbStoreOptions): Promise<readonly Finding[]> {
  const connection = await connect({ ...options, allowUnsafeDurability: true, maxPoolSize: 2 })
  try {
    const database = connection.client.db(connection.settings.database)
    return [
      versionFinding(connection),
      await durabilityFinding(connection),
      wakeUpFinding(connection),
      ...(await replicaSetFindings(connection)),
      await indexFinding(database, connection),
      await sizeFinding(database),
      await queuesFinding(connection),
      await slowClaimsFinding(database),
      await latencyFinding(connection.client),
    ]
  } catch (error) {
    throw toStoreError(error)
  } finally {
    await connection.close()
  }
}

const MEBIBYTE = 1024 * 1024

function versionFinding({ deployment: { kind, version, setName } }: Connection): Finding {
  if (kind === 'FerretDB') {
    const detail = `FerretDB ${version}, which does not apply updates atomically: two workers can get one task`
    return finding.problem('version', detail, 'Use MongoDB 6 or later; FerretDB is for tests.')
  }
  const where = setName === null ? kind : `${kind} ${setName}`
  return finding.ok('version', `MongoDB ${version}, ${where}`)
}

async function durabilityFinding({ client, settings, deployment }: Connection): Promise<Finding> {
  // What FerretDB lacks is told with its version.
  const weakness = settings.weakness ?? (deployment.kind === 'FerretDB' ? null : await whyUnsafe(client, deployment))
  if (weakness !== null)
    return finding.problem('durability', weakness, 'Mend the setting before tasks that matter are stored.')
  if (deployment.kind !== 'standalone') return finding.ok('durability', 'w:majority, j:true with every write')
  const advice =
    'Make it a replica set of three: a lost disk then loses nothing, and change streams wake other processes.'
  return finding.warning('durability', 'j:true with every write, on one server: its disk is the only copy', advice)
}

function wakeUpFinding({ settings, deployment }: Connection): Finding {
  if (deployment.changeStreams && settings.wakeUps !== 'poll') return finding.ok('wake-ups', 'by change stream')
  const detail = 'by polling twice a second: other processes hear of a task up to 0.7 s later'
  if (deployment.changeStreams) return finding.warning('wake-ups', detail, 'Leave wakeUps=poll out of the URL.')
  return finding.ok('wake-ups', detail)
}

async function replicaSetFindings({ client, deployment }: Connection): Promise<readonly Finding[]> {
  return deployment.setName === null ? [] : [await replicationFinding(client), await oplogFinding(client)]
}

async function indexFinding(database: Db, { deployment }: Connection): Promise<Finding> {
  if (deployment.kind === 'FerretDB') return finding.ok('indexes', 'FerretDB has none of the kind that is needed')
  const found = await database
    .collection('tasks')
    .listIndexes()
    .toArray()
    .catch(() => null)
  if (found === null) return finding.ok('indexes', 'no tasks yet; taskyard migrate makes them')
  const names = new Set(found.map(({ name }) => String(name)))
  const missing = wantedIndexes().filter((name) => !names.has(name))
  if (missing.length === 0) return finding.ok('indexes', `all ${names.size} are there`)
  return finding.problem('indexes', `missing: ${missing.join(', ')}`, 'Run taskyard migrate.')
}

async function sizeFinding(database: Db): Promise<Finding> {
  const { storageSize = 0, indexSize = 0, dataSize = 0 } = await database.command({ dbStats: 1 })
  const [storage, indexes, data] = [Number(storageSize), Number(indexSize), Number(dataSize)]
  const detail = `${mebibytes(storage)} of data on disk (${mebibytes(data)} uncompressed), ${mebibytes(indexes)} of indexes`
  // Deleted documents leave room that the storage engine uses again but does not give back.
  if (storage > data * 2 && storage > 1024 * MEBIBYTE) {
    return finding.warning('size', detail, 'Run compact on a secondary, or resync it, to give the space back.')
  }
  return finding.ok('size', detail)
}

async function queuesFinding({ client, settings, deployment }: Connection): Promise<Finding> {
  const { queues } = collectionsOf(client, settings.database, deployment)
  const found = await queues.find({}).toArray()
  const doubtful = found.filter(({ isDoubtful }) => isDoubtful === true).map(({ queue }) => queue)
  if (doubtful.length === 0) return finding.ok('counts', `${found.length} queues, their counts are not in doubt`)
  return finding.ok(
    'counts',
    `to be compared with their tasks once they are quiet: ${doubtful.slice(0, 10).join(', ')}`,
  )
}

/** A command on the tasks that takes longer is worth a look. Milliseconds. */
const SLOW_MS = 100

/** What the profiler has kept, where the operator has turned it on (`db.setProfilingLevel(1)`). */
async function slowClaimsFinding(database: Db): Promise<Finding> {
  const tasks = `${database.databaseName}.tasks`
  const slow = await database
    .collection('system.profile')
    .find({ ns: tasks, millis: { $gte: SLOW_MS } })
    .sort({ millis: -1 })
    .limit(100)
    .toArray()
    .catch(() => [])
  const [slowest] = slow
  if (slowest === undefined) return finding.ok('slow claims', `none over ${SLOW_MS} ms (as far as the profiler is on)`)
  const detail = `${slow.length} commands on tasks over ${SLOW_MS} ms, the slowest (${slowest.op}) took ${slowest.millis} ms`
  return finding.warning('slow claims', detail, 'Look for missing indexes, a cache that is too small, or a slow disk.')
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / MEBIBYTE)} MiB`
}
