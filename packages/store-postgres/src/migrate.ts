import { readdirSync, readFileSync } from 'node:fs'
import { type MigrationReport, TaskyardError } from '@taskyard/core'
import type { Database, Run, Text } from './database.ts'

const FOLDER = new URL('./migrations/', import.meta.url)

/**
 * Brings the schema up to date. Processes that migrate at the same time wait for each other; servers of the version
 * before go on working: a migration only adds, and what it replaces is removed by a later version.
 * @throws TaskyardError store_too_new, store_unavailable
 */
export async function migrate(database: Database, shown: string): Promise<MigrationReport> {
  const migrations = migrationFiles()
  const known = migrations.length
  const { schema } = database
  return database.transaction(async (run) => {
    await run(`SELECT pg_advisory_xact_lock(hashtextextended('taskyard migrate ${schema}', 0))`)
    const from = await versionOf(run, schema)
    if (from > known) throw new TaskyardError('store_too_new', { path: shown, found: from, known })
    if (from === known) return { from, to: known }
    // What the files name without a schema is ours; their functions remember it.
    await run(`SET LOCAL search_path TO "${schema}"`)
    for (const name of migrations.slice(from)) {
      for (const statement of statementsOf(readFileSync(new URL(name, FOLDER), 'utf8'))) await run(statement)
    }
    await run('INSERT INTO @schema_version (version) VALUES ($1)', [known])
    return { from, to: known }
  })
}

/** The version that `migrate` makes. */
export function newestVersion(): number {
  return migrationFiles().length
}

function migrationFiles(): string[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.sql'))
    .sort()
}

/** Makes only what is not there: a role may lack the right to make it, and a standby cannot. */
async function versionOf(run: Run, schema: string): Promise<number> {
  const [found] = await run<[schema: Text, table: Text]>(
    `SELECT to_regnamespace(quote_ident($1))::text, to_regclass(quote_ident($1) || '.schema_version')::text`,
    [schema],
  )
  if (found?.[0] === null) await run(`CREATE SCHEMA "${schema}"`)
  if (found?.[1] === null) await run('CREATE TABLE @schema_version (version integer NOT NULL)')
  const [row] = await run<[string]>('SELECT coalesce(max(version), 0) FROM @schema_version')
  return Number(row?.[0])
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
