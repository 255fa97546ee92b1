import { type MigrationReport, TaskyardError } from '@taskyard/core'
import { type Database, type Run, retryLostRaces } from './database.ts'
import type { Text } from './driver.ts'
import type { Maintenance } from './maintenance.ts'
import { MIGRATIONS } from './migration-files.ts'
import { isDuplicate } from './postgres-errors.ts'

/** A statement that waits longer for a table in use gives up: whoever needs that table waits behind it. */
const LOCK_TIMEOUT = '10s'

/** Files of statements, in order; the number of those that were run is the version of a schema. */
export type Migrations = readonly string[]

/**
 * Brings the schema up to date, however long its tables make that. Processes that migrate at the same time wait for each
 * other; servers of the version before go on working: a migration only adds, and what it replaces is removed by a later
 * version.
 * @throws TaskyardError store_too_new, store_unavailable
 */
export async function migrate(
  { run, schema }: Pick<Database, 'run' | 'schema'>,
  maintenance: Maintenance,
  shown: string,
  migrations: Migrations = MIGRATIONS,
): Promise<MigrationReport> {
  const known = migrations.length
  // A server that hangs is found out by this look, which has the limit of a call.
  const before = await versionOf(run, schema)
  if (before > known) throw new TaskyardError('store_too_new', { path: shown, found: before, known })
  if (before === known) return { from: before, to: known }
  const migrating = () =>
    maintenance.transaction(async (run) => {
      await run(`SELECT pg_advisory_xact_lock(hashtextextended('taskyard migrate ${schema}', 0))`)
      await run(`SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`)
      await makeVersionTable(run, schema)
      const from = await versionOf(run, schema)
      await runMigrations(run, schema, migrations.slice(from))
      if (from < known) await run('INSERT INTO @schema_version (version) VALUES ($1)', [known])
      return { from, to: known }
    })
  return retryLostRaces(migrating, isDuplicate)
}

/** The version that `migrate` makes. */
export function newestVersion(): number {
  return MIGRATIONS.length
}

async function runMigrations(run: Run, schema: string, migrations: Migrations): Promise<void> {
  // What the files name without a schema is ours; their functions remember it.
  await run(`SET LOCAL search_path TO "${schema}"`)
  for (const migration of migrations) {
    for (const statement of statementsOf(migration)) await run(statement)
  }
}

/** Makes only what is not there: a role may lack the right to make it. */
async function makeVersionTable(run: Run, schema: string): Promise<void> {
  const [schemaName, table] = await names(run, schema)
  if (schemaName === null) await run(`CREATE SCHEMA "${schema}"`)
  if (table === null) await run('CREATE TABLE @schema_version (version integer NOT NULL)')
}

async function versionOf(run: Run, schema: string): Promise<number> {
  const [, table] = await names(run, schema)
  if (table === null) return 0
  const [row] = await run<[string]>('SELECT coalesce(max(version), 0) FROM @schema_version')
  return Number(row?.[0])
}

async function names(run: Run, schema: string): Promise<[schema: Text, table: Text]> {
  const [found] = await run<[schema: Text, table: Text]>(
    `SELECT to_regnamespace(quote_ident($1))::text, to_regclass(quote_ident($1) || '.schema_version')::text`,
    [schema],
  )
  return found ?? [null, null]
}

/** One call takes one statement. A semicolon at the end of a line ends it, except inside a function's body. */
function statementsOf(file: string): string[] {
  const statements: string[] = []
  let lines: string[] = []
  for (const line of file.split('\n')) {
    lines.push(line)
    const isInBody = lines.join('\n').split('$$').length % 2 === 0
    if (!line.trimEnd().endsWith(';') || isInBody) continue
    statements.push(lines.join('\n'))
    lines = []
  }
  return statements
}
