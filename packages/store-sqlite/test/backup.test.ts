import assert from 'node:assert/strict'
import { copyFileSync, createWriteStream, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type TestContext, test } from 'node:test'
import type { OpenedStore, StoreCopy } from '@taskyard/core'
import { copySqliteFile } from '../src/index.ts'
import { MIGRATIONS } from '../src/migration-files.ts'
import { newTask, openStore, temporaryFolder } from './test-bed.ts'

const BATCH = 500

async function openFilled(t: TestContext, batches: number) {
  const folder = await temporaryFolder(t)
  const store = await openStore(t, join(folder, 'tasks.db'))
  for (let batch = 0; batch < batches; batch++) await addBatch(store)
  return { folder, store }
}

async function addBatch(store: OpenedStore): Promise<void> {
  await store.tasks.enqueue({
    submissions: [{ tasks: Array.from({ length: BATCH }, () => newTask()) }],
    queueDepth: 1e6,
  })
}

function backup(store: OpenedStore): Promise<StoreCopy> {
  assert.ok(store.lifecycle.backup)
  return store.lifecycle.backup()
}

async function save({ chunks, sizeBytes }: StoreCopy, path: string): Promise<void> {
  let bytes = 0
  const counted = Readable.from(chunks).on('data', (chunk: Uint8Array) => {
    bytes += chunk.length
  })
  await pipeline(counted, createWriteStream(path))
  assert.equal(bytes, sizeBytes)
}

test('a copy that is made while tasks come in is whole, and a store opens on it with all that was there before', async (t) => {
  const { folder, store } = await openFilled(t, 40)
  const before = 40 * BATCH
  let isDone = false
  let acknowledged = 0
  const load = (async () => {
    for (; !isDone; acknowledged += BATCH) await addBatch(store)
  })()
  const path = join(folder, 'backup.db')
  await save(await backup(store), path)
  isDone = true
  await load

  const file = new DatabaseSync(path, { readOnly: true })
  assert.equal(file.prepare('PRAGMA integrity_check').get()?.integrity_check, 'ok')
  const tasks = Number(file.prepare('SELECT count(*) AS n FROM tasks').get()?.n)
  const ready = Number(file.prepare('SELECT count(*) AS n FROM ready').get()?.n)
  const counted = Number(file.prepare('SELECT sum(queued) AS n FROM counters').get()?.n)
  file.close()
  assert.ok(tasks >= before && tasks <= before + acknowledged, `${tasks} of ${before} and ${acknowledged}`)
  assert.equal(tasks % BATCH, 0, 'batches are all or nothing')
  assert.deepEqual([ready, counted], [tasks, tasks])

  const [queue] = await (await openStore(t, path)).reads.counts({ namespace: 'default', queue: 'default' })
  assert.equal(queue?.counts.queued, tasks)
})

test('nothing is left beside the file, also of a copy that nobody reads', async (t) => {
  const { folder, store } = await openFilled(t, 1)
  const copy = await backup(store)
  assert.deepEqual(readdirSync(folder).toSorted(), ['tasks.db', 'tasks.db-in-use', 'tasks.db-wal'])
  await copy.discard()
  await copy.discard()
  await save(await backup(store), join(folder, 'backup.db'))
})

test('one is made at a time', async (t) => {
  const { store } = await openFilled(t, 2)
  const first = backup(store)
  await assert.rejects(backup(store), { code: 'backup_under_way' })
  const copy = await first
  await assert.rejects(backup(store), { code: 'backup_under_way' }, 'its room is free once it was read')
  await copy.discard()
  await (await backup(store)).discard()
})

test('a store that is closed meanwhile gives no part for the whole', async (t) => {
  const { folder, store } = await openFilled(t, 60)
  const [copy] = await Promise.allSettled([backup(store), store.lifecycle.close()])
  if (copy.status === 'rejected') return assert.equal(copy.reason.code, 'store_unavailable')
  // It was faster than the end: then it is whole.
  const path = join(folder, 'backup.db')
  await save(copy.value, path)
  const file = new DatabaseSync(path, { readOnly: true })
  assert.equal(file.prepare('SELECT count(*) AS n FROM tasks').get()?.n, 60 * BATCH)
  file.close()
})

test('a start removes what a killed process left of a copy, and no file of the user', async (t) => {
  const folder = await temporaryFolder(t)
  const path = join(folder, 'tasks.db')
  const own = ['tasks.db.copy-before-upgrade', 'tasks.db.copy-under-way-monday', 'tasks.db.copy-under-way-1-2.gz']
  const left = ['tasks.db.copy-under-way-12-345', 'tasks.db.copy-under-way-12-345-journal']
  for (const name of [...own, ...left]) writeFileSync(join(folder, name), '')
  await openStore(t, path)
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes('copy')),
    own.toSorted(),
  )
})

test('a file of an older schema is copied as it is, and stays so itself', async (t) => {
  const folder = await temporaryFolder(t)
  const [path, copy] = [join(folder, 'old.db'), join(folder, 'copy.db')]
  const old = new DatabaseSync(path)
  old.exec(`${MIGRATIONS[0]}; PRAGMA application_id = 0x54534b59; PRAGMA user_version = 1; PRAGMA journal_mode = WAL`)
  old.close()
  await copySqliteFile(path, copy)
  for (const file of [path, copy]) {
    const database = new DatabaseSync(file, { readOnly: true })
    assert.equal(database.prepare('PRAGMA user_version').get()?.user_version, 1, file)
    database.close()
    await openStore(t, file)
  }
})

test('of a file that was left by a killed server everything is copied, and nothing of it is lost', async (t) => {
  const { folder, store } = await openFilled(t, 1)
  const killed = join(folder, 'killed.db')
  for (const suffix of ['', '-wal']) copyFileSync(join(folder, `tasks.db${suffix}`), killed + suffix)
  await store.lifecycle.close()
  const copy = join(folder, 'copy.db')
  await copySqliteFile(killed, copy)
  for (const file of [killed, copy]) {
    const [queue] = await (await openStore(t, file)).reads.counts({ namespace: 'default', queue: 'default' })
    assert.equal(queue?.counts.queued, BATCH, file)
  }
})

test('a copy of a file ends when it is told to, and the file can be opened then', async (t) => {
  const { folder, store } = await openFilled(t, 20)
  await store.lifecycle.close()
  const path = join(folder, 'tasks.db')
  const reason = new Error('enough')
  await assert.rejects(copySqliteFile(path, join(folder, 'copy.db'), AbortSignal.abort(reason)), reason)
  await openStore(t, path)
})
