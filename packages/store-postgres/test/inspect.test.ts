import assert from 'node:assert/strict'
import { after, before, describe, it, type TestContext } from 'node:test'
import type { Clock, Finding } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { inspectPostgresStore } from '@taskyard/store-postgres'
import { startPgbouncer, startServer, type TestServer } from '@taskyard/test-servers'
import pg from 'pg'
import { type Database, openDatabase } from '../src/database.ts'
import { standbysFinding } from '../src/inspect/server-findings.ts'
import { deadRows, oldestTransaction, preparedTransactions } from '../src/inspect/vacuum-findings.ts'
import { readPostgresUrl } from '../src/location.ts'
import { CLAIM, newTask, submissions } from './calls.ts'
import { type OwnSchema, ownSchema, withParameter } from './own-schema.ts'

// A server of its own: sessions of other tests would be found too.
let server: TestServer
let schema: OwnSchema
let database: Database

before(async () => {
  server = await startServer('postgres', { settings: { max_connections: '40', max_prepared_transactions: '5' } })
  schema = await ownSchema(server.url)
  const store = await schema.open()
  await store.tasks.enqueue(submissions(...Array.from({ length: 100 }, () => newTask())))
  await store.tasks.claim(CLAIM)
  database = openDatabase(readPostgresUrl(schema.url), 2)
})
after(async () => {
  await database.close()
  await schema.destroy()
  await server.destroy()
})

async function inspected(url = schema.url, clock: Clock = systemClock) {
  const findings = await inspectPostgresStore({ url, clock })
  return (check: string): Finding => findings.find((finding) => finding.check === check) ?? assert.fail(`no ${check}`)
}

describe('inspecting a store', () => {
  it('finds nothing wrong with one that is well, and says what it looked at', async () => {
    const findings = await inspectPostgresStore({ url: schema.url, clock: systemClock })
    assert.deepEqual(
      findings.map(({ check }) => check),
      [
        ...['durability', 'schema', 'settings', 'checksums', 'clocks', 'connections', 'replication', 'autovacuum'],
        ...['transaction ids', 'transactions', 'prepared', 'slots', 'wake-ups'],
        ...['dead rows', 'size', 'time slots', 'claims'],
      ],
    )
    for (const { check, verdict, detail, advice } of findings) {
      // Off by default before PostgreSQL 18.
      if (check !== 'checksums') assert.equal(verdict, 'ok', `${check}: ${detail}`)
      assert.equal(advice === null, verdict === 'ok')
    }
  })

  it('shows the size by kind of table, with the slots of each added up', async () => {
    assert.match((await inspected())('size').detail, /^[\d.]+ [KM]iB: .*tasks \d+ KiB.*finished \d+ KiB/)
  })

  it('tells how long claims take, where the server counts them', async () => {
    const url = withParameter(schema.url, 'options', '-c track_functions=all')
    const store = await schema.open({ url })
    const ended = Date.now() + 30_000
    while (!/; \d+ claims took [\d.]+ ms on average/.test((await inspected())('claims').detail)) {
      assert.ok(Date.now() < ended)
      // A session hands over its figures at the end of a statement, each second at most.
      await store.tasks.claim(CLAIM)
    }
  })

  it('needs no schema, and makes none', async () => {
    const url = withParameter(schema.url, 'schema', 'nowhere')
    assert.match((await inspected(url))('schema').detail, /"nowhere" is not there yet; the first start/)
    const { rows } = await schema.query(`SELECT to_regnamespace('nowhere') AS made`)
    assert.equal(rows[0].made, null)
  })

  it('fails when the server cannot be reached', async () => {
    const url = 'postgres://app:hunter2@127.0.0.1:1/shop'
    await assert.rejects(inspectPostgresStore({ url, clock: systemClock }), { code: 'store_unavailable' })
  })
})

describe('what is wrong is found', () => {
  it('settings that may lose acknowledged tasks', async () => {
    const url = withParameter(schema.url, 'options', '-c synchronous_commit=off')
    const { verdict, detail } = (await inspected(url))('durability')
    assert.equal(verdict, 'problem')
    assert.match(detail, /synchronous_commit=off/)
  })

  it('settings that Taskyard cannot work with', async () => {
    const url = withParameter(schema.url, 'options', '-c array_nulls=off')
    const { verdict, detail, advice } = (await inspected(url))('settings')
    assert.equal(verdict, 'problem')
    assert.match(`${detail} ${advice}`, /array_nulls is off.*RESET/)
  })

  it('a schema of another version', async (t) => {
    const other = await ownSchema(server.url)
    t.after(() => other.destroy())
    await other.open()
    await other.query(`UPDATE "${other.schema}".schema_version SET version = 999`)
    assert.equal((await inspected(other.url))('schema').verdict, 'problem')
    await other.query(`UPDATE "${other.schema}".schema_version SET version = 0`)
    assert.match((await inspected(other.url))('schema').advice ?? '', /taskyard migrate/)
  })

  it('a clock that differs', async () => {
    const wrong: Clock = { ...systemClock, now: () => systemClock.now() - 3_600_000 }
    const { verdict, detail } = (await inspected(schema.url, wrong))('clocks')
    assert.equal(verdict, 'warning')
    assert.match(detail, /differ by 60 min/)
  })

  it('too few connections', async () => {
    const { verdict, detail } = (await inspected(withParameter(schema.url, 'connections', '50')))('connections')
    assert.equal(verdict, 'problem')
    assert.match(detail, /^\d+ of 37 in use; a process of Taskyard takes up to 54$/)
  })

  it('a session that is idle in a transaction', async (t) => {
    const idle = await connected(t, 'forgotten')
    await idle.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1')
    assert.equal((await oldestTransaction(database.run)).verdict, 'ok')
    const { verdict, detail, advice } = await oldestTransaction(database.run, 0)
    assert.equal(verdict, 'problem')
    assert.match(detail, /taskyard, forgotten, from 127\.0\.0\.1.*idle in transaction; no vacuum can remove/)
    assert.match(advice ?? '', /pg_terminate_backend\(\d+\)/)
    await idle.query('ROLLBACK')
    assert.match((await oldestTransaction(database.run, 0)).detail, /^none open/)
  })

  it('a prepared transaction that nobody finishes', async (t) => {
    const client = await connected(t, 'two phases')
    await client.query('BEGIN')
    await client.query('CREATE TABLE public.prepared_here ()')
    await client.query(`PREPARE TRANSACTION 'second phase'`)
    t.after(() => schema.query(`ROLLBACK PREPARED 'second phase'`))
    const { verdict, detail } = await preparedTransactions(database.run, 0)
    assert.equal(verdict, 'problem')
    assert.match(detail, /"second phase" waits/)
  })

  it('a replication slot without a reader', async (t) => {
    await schema.query(`SELECT pg_create_physical_replication_slot('abandoned', true)`)
    t.after(() => schema.query(`SELECT pg_drop_replication_slot('abandoned')`))
    const { verdict, detail } = (await inspected())('slots')
    assert.equal(verdict, 'warning')
    assert.match(detail, /abandoned without a reader/)
  })

  it('dead rows', async () => {
    await schema.query(`ALTER TABLE "${schema.schema}".counter_changes SET (autovacuum_enabled = off)`)
    await schema.query(`INSERT INTO "${schema.schema}".counter_changes (lane) SELECT 7 FROM generate_series(1, 5000)`)
    await schema.query(`DELETE FROM "${schema.schema}".counter_changes WHERE lane = 7`)
    await schema.query('SELECT pg_stat_force_next_flush()')
    const { verdict, detail } = await deadRows(database.run, schema.schema, 4000)
    assert.equal(verdict, 'warning')
    assert.match(detail, /^5,\d{3} in counter_changes/)
  })

  it('nobody who sweeps', async () => {
    await schema.query(`INSERT INTO "${schema.schema}".slots (from_at, to_at) VALUES (0, 3600000)`)
    const { verdict, detail } = (await inspected())('time slots')
    assert.equal(verdict, 'warning')
    assert.match(detail, /nobody sweeps/)
  })

  it('a pooler that lets no notification through', async (t) => {
    const pooler = await startPgbouncer(server.url)
    t.after(() => pooler.destroy())
    const deaf = withParameter(pooler.url, 'schema', schema.schema)
    assert.match((await inspected(deaf))('wake-ups').advice ?? '', /\?listen=HOST:PORT/)
    const hearing = withParameter(deaf, 'listen', new URL(server.url).host)
    assert.equal((await inspected(hearing))('wake-ups').verdict, 'ok')
  })

  it('what the role may not see, as far as it goes', async (t) => {
    await schema.query(`CREATE ROLE watcher LOGIN; GRANT USAGE ON SCHEMA "${schema.schema}" TO watcher;
      GRANT SELECT ON "${schema.schema}".schema_version TO watcher`)
    t.after(() => schema.query('DROP OWNED BY watcher; DROP ROLE watcher'))
    const find = await inspected(schema.url.replace('taskyard@', 'watcher@'))
    assert.match(find('transactions').detail, /GRANT pg_read_all_stats/)
    assert.match(find('claims').detail, /could not be looked at: .*permission denied/)
    assert.equal(find('connections').verdict, 'ok')
  })
})

describe('standbys', () => {
  const verdictOf = (standbys: Parameters<typeof standbysFinding>[0], wanted: string) =>
    standbysFinding(standbys, wanted).verdict

  it('that confirm every commit are well', () => {
    assert.equal(verdictOf([['b', 'sync', '0.1', '0']], 'b'), 'ok')
    assert.equal(
      verdictOf(
        [
          ['b', 'quorum', null, '0'],
          ['c', 'quorum', null, '0'],
        ],
        'ANY 1 (b, c)',
      ),
      'ok',
    )
  })

  it('that follow later may lose what was acknowledged', () => {
    const { verdict, detail } = standbysFinding([['b', 'async', '0.1', '0']], '')
    assert.equal(verdict, 'warning')
    assert.match(detail, /b \(async\): a fail-over can lose/)
  })

  it('that are far behind are named', () => {
    const behind = standbysFinding(
      [
        ['b', 'sync', null, '0'],
        ['c', 'async', '30', '5000000'],
      ],
      'b',
    )
    assert.match(behind.detail, /behind by 30 s and 5 MiB/)
  })

  it('that are wanted and not there hold up commits', () => {
    assert.equal(verdictOf([], 'b'), 'problem')
    assert.equal(verdictOf([['c', 'async', null, '0']], 'b'), 'problem')
  })

  it('are not needed', () => {
    assert.equal(verdictOf([], ''), 'ok')
  })
})

async function connected(t: TestContext, application: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: schema.server, application_name: application })
  await client.connect()
  t.after(() => client.end())
  return client
}
