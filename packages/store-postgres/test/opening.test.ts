import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { inspect } from 'node:util'
import type { OpenedStore, TaskyardError } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { openPostgresStore } from '@taskyard/store-postgres'
import { startServer, type TestServer } from '@taskyard/test-servers'
import { checkDurability } from '../src/durability.ts'
import { CLAIM, newTask, submissions } from './calls.ts'
import { type OwnSchema, ownSchema, withParameter } from './own-schema.ts'

let schema: OwnSchema

before(async () => {
  schema = await ownSchema()
})
after(() => schema.destroy())

const open = (url: string, allowUnsafeDurability = false) =>
  openPostgresStore({ url, clock: systemClock, allowUnsafeDurability })

describe('opening', () => {
  it('says how durable commits are', async (t) => {
    assert.match(
      (await opened(t, schema.url)).lifecycle.durability,
      /^every commit synced to disk \(PostgreSQL \d+.*commit=on\)$/,
    )
  })

  it('refuses synchronous_commit=off, unless that is allowed', async (t) => {
    const url = withSetting(schema.url, 'synchronous_commit=off')
    await assert.rejects(open(url), { code: 'unsafe_durability', message: /synchronous_commit=off.*can lose/ })
    assert.match((await opened(t, url, true)).lifecycle.durability, /^unsafe: .*synchronous_commit=off/)
  })

  it('refuses fsync=off and full_page_writes=off, unless that is allowed', async (t) => {
    const server = await startServer('postgres', { settings: { fsync: 'off', full_page_writes: 'off' } })
    t.after(() => server.destroy())
    await assert.rejects(open(server.url), { code: 'unsafe_durability', message: /fsync=off and full_page_writes=off/ })
    const store = await open(server.url, true)
    assert.match(store.lifecycle.durability, /^unsafe: .*fsync=off, full_page_writes=off/)
    await store.lifecycle.close()
  })

  for (const encoding of ['LATIN1', 'WIN1252', 'SQL_ASCII']) {
    it(`refuses a database that lacks characters (${encoding})`, async (t) => {
      const name = `${schema.schema}_${encoding.toLowerCase()}`
      await schema.query(
        `CREATE DATABASE ${name} ENCODING '${encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'`,
      )
      t.after(() => schema.query(`DROP DATABASE ${name}`))
      const refusal = {
        code: 'invalid_configuration',
        message: new RegExp(`"${name}" is ${encoding}.*ENCODING 'UTF8'`),
      }
      await assert.rejects(open(schema.url.replace('/postgres?', `/${name}?`)), refusal)
    })
  }

  it('refuses array_nulls=off, with which missing values would be words', async () => {
    const refusal = { code: 'invalid_configuration', message: /array_nulls is off.*RESET array_nulls/ }
    await assert.rejects(open(withSetting(schema.url, 'array_nulls=off')), refusal)
  })

  for (const [parameter, value, message] of [
    ['statement_timeout', 'abc', /refuses a parameter of the URL.*statement_timeout/],
    ['options', '-c no_such_setting=1', /refuses a parameter of the URL.*no_such_setting/],
  ] as const) {
    it(`refuses a parameter that the server does not understand (${parameter})`, async () => {
      await assert.rejects(open(withParameter(schema.url, parameter, value)), {
        code: 'invalid_configuration',
        message,
      })
    })
  }

  it('refuses a server that is too old', async () => {
    const run = async () => [['140011', '14.11', 'on', 'on', 'on', '']]
    await assert.rejects(checkDurability({ run } as never, false), {
      code: 'store_unavailable',
      message: /it is PostgreSQL 14\.11; Taskyard needs 15 or later/,
    })
  })

  it('fails at once when nobody listens there', async () => {
    await rejectsWithin(4_500, open('postgres://app:hunter2@127.0.0.1:1/shop'), 'store_unavailable')
  })

  it('fails within five seconds when the server does not answer', async (t) => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    t.after(() => {
      for (const socket of sockets) socket.destroy()
      silent.close()
    })
    const { port } = silent.address() as { port: number }
    await rejectsWithin(30_000, open(`postgres://app:hunter2@127.0.0.1:${port}/shop`), 'store_unavailable')
  })

  it('fails with the reason when the database is not there', async () => {
    const url = schema.url.replace('/postgres?', '/no_such_database?')
    await assert.rejects(open(url), {
      code: 'store_unavailable',
      message: /database "no_such_database" does not exist/,
    })
  })
})

describe('a server that asks for passwords', () => {
  let server: TestServer
  let folder: string

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'taskyard-hba-'))
    const file = join(folder, 'hba.conf')
    await writeFile(file, 'host all app 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n')
    await chmod(folder, 0o755) // The server may run as another user.
    server = await startServer('postgres', { settings: { hba_file: file } })
    const admin = await ownSchema(server.url)
    await admin.query(`CREATE ROLE app LOGIN PASSWORD 'right'; GRANT CREATE ON DATABASE postgres TO app`)
    await admin.destroy()
  })
  after(async () => {
    await server.destroy()
    await rm(folder, { recursive: true })
  })

  const as = (password: string) => server.url.replace('taskyard@', `app:${password}@`)

  it('takes the right one', async (t) => {
    const store = await opened(t, as('right'))
    await store.lifecycle.migrate()
    assert.equal((await store.lifecycle.health()).healthy, true)
  })

  it('refuses a wrong one, and nobody is shown it', async () => {
    // It is not away: nobody need wait for it.
    await rejectsWithin(
      2000,
      open(as('hunter2')),
      'invalid_configuration',
      /refuses the user: password authentication failed/,
    )
  })
})

describe('the schema', () => {
  it('has to be made first: until then calls say how', async (t) => {
    const store = await opened(t, withParameter(schema.url, 'schema', `${schema.schema}_missing`))
    const missing = { code: 'store_unavailable', message: /schema is missing or incomplete.*run taskyard migrate/ }
    await assert.rejects(store.tasks.enqueue(submissions(newTask())), missing)
    await assert.rejects(store.tasks.claim(CLAIM), missing)
    assert.match((await store.lifecycle.health()).reason ?? '', /run taskyard migrate/)
  })

  it('is made once, however many processes migrate at the same time', async (t) => {
    const url = withParameter(schema.url, 'schema', `${schema.schema}_shared`)
    t.after(() => schema.query(`DROP SCHEMA "${schema.schema}_shared" CASCADE`))
    const stores = await Promise.all(Array.from({ length: 8 }, () => opened(t, url)))
    const reports = await Promise.all(stores.map((store) => store.lifecycle.migrate()))
    const [{ to = 0 } = {}] = reports
    assert.equal(reports.filter(({ from }) => from === 0).length, 1)
    assert.ok(reports.every((report) => report.to === to && (report.from === 0 || report.from === to)))
    assert.deepEqual(await stores[0]?.lifecycle.migrate(), { from: to, to })
  })

  it('of a newer version is refused', async (t) => {
    const newer = await ownSchema()
    t.after(() => newer.destroy())
    await newer.open()
    await newer.query(`INSERT INTO "${newer.schema}".schema_version VALUES (999)`)
    await assert.rejects(newer.open(), { code: 'store_too_new', message: /schema version 999.*upgrade Taskyard/ })
  })

  it('needs no more than an existing schema of its own role', async (t) => {
    const role = `${schema.schema}_owner`
    const url = withParameter(schema.url, 'schema', role).replace('taskyard@', `${role}@`)
    await schema.query(`CREATE ROLE ${role} LOGIN`)
    t.after(() => schema.query(`DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`))
    const store = await opened(t, url)
    await assert.rejects(store.lifecycle.migrate(), {
      code: 'store_unavailable',
      message: /its role lacks a right \(permission denied for database/,
    })
    await schema.query(`CREATE SCHEMA ${role} AUTHORIZATION ${role}`)
    await store.lifecycle.migrate()
    const task = newTask()
    await store.tasks.enqueue(submissions(task))
    assert.deepEqual(
      (await store.tasks.claim(CLAIM)).map(({ id }) => id),
      [task.id],
    )
    const retention = { succeededSeconds: 1, failedSeconds: 1, finishedBytes: 1 }
    await store.upkeep.sweep({ cancelGraceMs: 1000, retention, limit: 10, jitter: 0 })
  })
})

describe('a server that cannot be written', () => {
  it('still opens, refuses submissions with the reason, and is read', async (t) => {
    const standby = await ownSchema()
    t.after(() => standby.destroy())
    const primary = await standby.open()
    const task = newTask()
    await primary.tasks.enqueue(submissions(task))
    const store = await opened(t, withSetting(standby.url, 'default_transaction_read_only=on'))
    await store.lifecycle.migrate()
    const refusal = { code: 'store_read_only', definite: true, message: /cannot be written: .*read-only transaction/ }
    await assert.rejects(store.tasks.enqueue(submissions(newTask())), refusal)
    await assert.rejects(store.tasks.claim(CLAIM), refusal)
    assert.equal((await store.reads.find({ namespace: 'default', taskIds: [task.id] }))[0]?.id, task.id)
    assert.equal((await store.lifecycle.health()).code, 'store_read_only')
  })

  it('is left for the one that its address leads to by then', async (t) => {
    const role = `${schema.schema}_reader`
    await schema.query(`CREATE ROLE ${role} LOGIN SUPERUSER; ALTER ROLE ${role} SET default_transaction_read_only = on`)
    t.after(() => schema.query(`DROP ROLE ${role}`))
    await schema.open()
    const store = await opened(t, schema.url.replace('taskyard@', `${role}@`))
    await assert.rejects(store.tasks.enqueue(submissions(newTask())), { code: 'store_read_only' })
    // New connections can write, those that were there cannot.
    await schema.query(`ALTER ROLE ${role} RESET default_transaction_read_only`)
    const task = newTask()
    await store.tasks.enqueue(submissions(task))
    assert.equal((await store.reads.find({ namespace: 'default', taskIds: [task.id] }))[0]?.id, task.id)
  })
})

/** A store that closes with its test. */
async function opened(t: TestContext, url: string, allowUnsafe = false): Promise<OpenedStore> {
  const store = await open(url, allowUnsafe)
  t.after(() => store.lifecycle.close())
  return store
}

async function rejectsWithin(ms: number, call: Promise<unknown>, code: string, message = /./): Promise<void> {
  const from = performance.now()
  await assert.rejects(call, (error: TaskyardError) => {
    assert.equal(error.code, code)
    assert.match(error.message, message)
    assert.doesNotMatch(inspect(error, { depth: 10, showHidden: true }), /hunter2/)
    return true
  })
  assert.ok(performance.now() - from < ms, `it took ${performance.now() - from} ms`)
}

function withSetting(url: string, setting: string): string {
  return withParameter(url, 'options', `-c ${setting}`)
}
