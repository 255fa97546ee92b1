import { type Finding, finding, TaskyardError } from '@taskyard/core'
import { openDatabase } from './database.ts'
import { checkDurability } from './durability.ts'
import { claimTime, schemaFinding, schemaVersion, sizes, timeSlots } from './inspect/schema-findings.ts'
import {
  autovacuum,
  checksums,
  clockDifference,
  connections,
  replication,
  settings,
  transactionIds,
} from './inspect/server-findings.ts'
import { deadRows, oldestTransaction, preparedTransactions, replicationSlots } from './inspect/vacuum-findings.ts'
import { wakeUps } from './inspect/wake-up-findings.ts'
import { readPostgresUrl } from './location.ts'
import { newestVersion } from './migrate.ts'
import type { PostgresStoreOptions } from './open-postgres-store.ts'

type Check = readonly [name: string, look: () => Promise<Finding>]

/**
 * What an operator should know about the store's server: durability, connections, what keeps dead rows, sizes, slow
 * claims, replication. Changes nothing, and needs no store there.
 * @throws TaskyardError invalid_configuration, store_unavailable
 */
export async function inspectPostgresStore(options: PostgresStoreOptions): Promise<readonly Finding[]> {
  const { clock, allowUnsafeDurability = false } = options
  const location = readPostgresUrl(options.url)
  const database = openDatabase(location, 2)
  const { run, schema } = database
  try {
    const durability = await durabilityFinding(() => checkDurability(database, allowUnsafeDurability))
    const version = await schemaVersion(run, schema)
    const ofServer: Check[] = [
      ['settings', () => settings(run)],
      ['checksums', () => checksums(run)],
      ['clocks', () => clockDifference(run, clock)],
      ['connections', () => connections(run, location.connections)],
      ['replication', () => replication(run)],
      ['autovacuum', () => autovacuum(run)],
      ['transaction ids', () => transactionIds(run)],
      ['transactions', () => oldestTransaction(run)],
      ['prepared', () => preparedTransactions(run)],
      ['slots', () => replicationSlots(run)],
      ['wake-ups', () => wakeUps(run, location, clock)],
    ]
    const ofStore: Check[] = [
      ['dead rows', () => deadRows(run, schema)],
      ['size', () => sizes(run, schema)],
      ['time slots', () => timeSlots(run)],
      ['claims', () => claimTime(run, schema, () => performance.now())],
    ]
    const findings = [durability, schemaFinding(schema, version, newestVersion())]
    for (const check of version === null ? ofServer : [...ofServer, ...ofStore]) findings.push(await findingOf(check))
    return findings
  } finally {
    await database.close()
  }
}

async function durabilityFinding(check: () => Promise<string>): Promise<Finding> {
  try {
    const durability = await check()
    if (!durability.startsWith('unsafe')) return finding.ok('durability', durability)
    return finding.warning('durability', durability, 'Turn these settings on, except where losing tasks is acceptable.')
  } catch (error) {
    if (!(error instanceof TaskyardError) || error.code !== 'unsafe_durability') throw error
    return finding.problem('durability', error.message.split('. ')[0] as string, 'Turn these settings on.')
  }
}

/** One look that fails, for want of a right, does not hide the others. */
async function findingOf([name, look]: Check): Promise<Finding> {
  try {
    return await look()
  } catch (error) {
    const { message } = error as Error
    return finding.warning(
      name,
      `could not be looked at: ${message}`,
      'Grant the role pg_monitor, or look at it by hand.',
    )
  }
}
