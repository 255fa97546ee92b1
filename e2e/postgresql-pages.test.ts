// The commands and programs of the guide to PostgreSQL and of its operations page, as a reader would run them.
import assert from 'node:assert/strict'
import { symlink, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Taskyard } from '@taskyard/taskyard'
import { postgresBinaries, startServer, type TestServer } from '@taskyard/test-servers'
import pg from 'pg'
import { examplesOf } from './support/examples.ts'
import { REPOSITORY, runCommand, runTaskyard, temporaryFolder } from './support/taskyard-process.ts'

const GUIDE = examplesOf(join(REPOSITORY, 'docs/guides/postgresql.md'))
const OPERATIONS = examplesOf(join(REPOSITORY, 'docs/operations/postgresql.md'))
const TASKYARD = join(REPOSITORY, 'node_modules/.bin/taskyard')

let server: TestServer
let folder: Awaited<ReturnType<typeof temporaryFolder>>

before(async () => {
  server = await startServer('postgres')
  folder = await temporaryFolder()
  await symlink(join(REPOSITORY, 'node_modules'), join(folder.path, 'node_modules'))
  // The guide's role has the name of the one that made this server.
  const { username } = new URL(server.url)
  await query('postgres', 'CREATE ROLE admin LOGIN SUPERUSER', username)
  await query('postgres', `ALTER ROLE ${username} RENAME TO ${username}_before`)
  for (const statement of statementsOf('own-database')) await query('postgres', statement)
})
after(async () => {
  await server.destroy()
  await folder.remove()
})

describe('a database of its own', () => {
  it('is all that a start needs', async () => {
    const running = runTaskyard(['start'], {
      env: { TASKYARD_STORE: storeOf('taskyard', 'taskyard'), TASKYARD_PORT: '0' },
    })
    await running.line(/ready at/)
    assert.equal((await running.stop()).code, 0)
    assert.match(block(GUIDE, 'taskyard'), /^TASKYARD_STORE=postgres:\S+ npx @taskyard\/taskyard start\n$/)
  })

  it('is examined by the doctor', async () => {
    const { stdout } = await shell(block(OPERATIONS, 'doctor'), storeOf('taskyard', 'taskyard'))
    assert.match(stdout, /every commit synced to disk/)
    assert.match(stdout, /dead rows/)
  })

  it('comes back from a backup', async () => {
    const store = storeOf('taskyard', 'taskyard')
    const admin = storeOf('admin', 'taskyard')
    const first = await Taskyard.open({ store })
    const { id } = await first.submit('later', { n: 1 }, { delaySeconds: 3600, tags: ['kept'] })
    await first.close()
    await succeeds(shell(block(OPERATIONS, 'backup'), admin))
    await query('taskyard', 'TRUNCATE taskyard.tasks, taskyard.scheduled')
    await succeeds(shell(block(OPERATIONS, 'restore'), admin))
    await using second = await Taskyard.open({ store })
    assert.equal((await second.get(id)).status, 'scheduled')
    assert.equal((await second.list({ tag: 'kept' })).items.length, 1)
    await second.submit('another', {})
    await succeeds(shell(block(OPERATIONS, 'restored'), admin))
    assert.equal((await second.list({ tag: 'kept' })).items.length, 1)
  })
})

describe('the application’s own database', () => {
  before(async () => {
    await query('postgres', `CREATE ROLE app LOGIN PASSWORD 'secret'`)
    await query('postgres', 'CREATE DATABASE shop OWNER app')
    await query('shop', 'CREATE TABLE orders (item text NOT NULL); ALTER TABLE orders OWNER TO app')
    const [role, schema] = statementsOf('own-schema')
    assert.equal(role, statementsOf('own-database')[0])
    await query('shop', schema ?? '')
    const env = { TASKYARD_STORE: storeOf('taskyard', 'shop') }
    await succeeds(runTaskyard(['migrate'], { env }).ended)
    for (const statement of statementsOf('application')) await query('shop', statement)
  })

  it('loses nothing by a restore with a role that may not, nor by one from a file that is no backup', async () => {
    const store = storeOf('taskyard', 'shop')
    const yard = await Taskyard.open({ store })
    const { id } = await yard.submit('later', null, { delaySeconds: 3600 })
    await yard.close()
    const restore = block(OPERATIONS, 'restore')
    const mayNot = await shell(restore, store)
    assert.match(mayNot.stderr, /permission denied/)
    await writeFile(join(folder.path, 'taskyard.dump'), 'no backup')
    const isNone = await shell(restore, storeOf('admin', 'shop'))
    for (const { code } of [mayNot, isNone]) assert.notEqual(code, 0)
    await using again = await Taskyard.open({ store })
    assert.equal((await again.get(id)).status, 'scheduled')
  })

  const programs = GUIDE.filter(({ language }) => language === 'ts')

  for (const { note, text } of programs) {
    it(`takes an order and a task in one transaction (${note})`, async () => {
      await query('shop', 'TRUNCATE orders')
      const before = await receipts()
      await writeFile(join(folder.path, `${note}.mts`), atThisServer(PROGRAMS[note]?.(text) ?? text))
      await succeeds(runCommand(process.execPath, [`${note}.mts`], { cwd: folder.path }).ended)
      const { rows } = await query('shop', 'SELECT item FROM orders')
      assert.deepEqual(rows, [{ item: 'tea' }])
      assert.equal(await receipts(), before + 1)
    })
  }

  it('has an example for each library', () => {
    assert.deepEqual(programs.map(({ note }) => note).sort(), ['with-pg.ts', ...Object.keys(PROGRAMS)].sort())
  })
})

const APP = 'postgres://app:secret@127.0.0.1:5432/shop'
const YARD = `import { Taskyard } from '@taskyard/taskyard'
const yard = await Taskyard.open({ store: 'postgres://taskyard:secret@127.0.0.1:5432/shop' })`

/** What an application has around the few lines that the guide shows. */
const PROGRAMS: Readonly<Record<string, (lines: string) => string>> = {
  postgres: (lines) => `${YARD}
import postgres from 'postgres'
const sql = postgres('${APP}')
${lines}
await sql.end()
await yard.close()`,
  kysely: (lines) => `${YARD}
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
const db = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: '${APP}' }) }) })
${lines}
await db.destroy()
await yard.close()`,
  drizzle: (lines) => `${YARD}
import { drizzle } from 'drizzle-orm/node-postgres'
import { pgTable, text } from 'drizzle-orm/pg-core'
const orders = pgTable('orders', { item: text() })
const db = drizzle('${APP}')
${lines}
await db.$client.end()
await yard.close()`,
  knex: (lines) => `${YARD}
import createKnex from 'knex'
const knex = createKnex({ client: 'pg', connection: '${APP}' })
${lines}
await knex.destroy()
await yard.close()`,
  prisma: (lines) => `${YARD}
import { prismaClient } from '${join(REPOSITORY, 'packages/store-postgres/test/prisma-client.ts')}'
const prisma = prismaClient('${APP}')
${lines}
await prisma.$disconnect()
await yard.close()`,
}

function block(of: typeof GUIDE, name: string): string {
  return of.find(({ note }) => note === name)?.text ?? assert.fail(`no block ${name}`)
}

function statementsOf(name: string): string[] {
  return block(GUIDE, name)
    .trim()
    .split(';\n')
    .map((statement) => statement.replace(/;$/, ''))
}

function storeOf(role: string, database: string): string {
  return `postgres://${role}:secret@${new URL(server.url).host}/${database}`
}

function atThisServer(text: string): string {
  return text.replaceAll('127.0.0.1:5432', new URL(server.url).host)
}

/** As an administrator. */
async function query(database: string, text: string, role = 'admin'): Promise<pg.QueryResult> {
  const client = new pg.Client(storeOf(role, database))
  await client.connect()
  return client.query(text).finally(() => client.end())
}

async function receipts(): Promise<number> {
  const { rows } = await query(
    'shop',
    `SELECT count(*)::int AS n FROM taskyard.tasks JOIN taskyard.lanes USING (lane) WHERE type = 'send-receipt'`,
  )
  return rows[0].n
}

async function shell(text: string, databaseUrl: string) {
  const { folder: programs, env } = await postgresBinaries()
  const path = [programs, process.env.PATH].join(delimiter)
  const script = `set -e\n${text.replaceAll('npx @taskyard/taskyard', TASKYARD)}`
  const options = { cwd: folder.path, env: { ...env, PATH: path, DATABASE_URL: databaseUrl, ADMIN_URL: databaseUrl } }
  return runCommand('bash', ['-c', script], options).ended
}

async function succeeds(ended: Promise<{ code: number | null; stdout: string; stderr: string }>): Promise<void> {
  const { code, stdout, stderr } = await ended
  assert.equal(code, 0, stdout + stderr)
}
