import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { systemClock } from '@taskyard/core/runtime'
import { openSqliteStore } from '../src/index.ts'
import { CLAIM, newTask, openStore, submissions, temporaryFolder } from './test-bed.ts'

const openAt = (path: string) => openSqliteStore({ path, clock: systemClock })

test('a second server on the same file is refused with a clear message, and the first goes on', async (t) => {
  const path = join(await temporaryFolder(t), 'tasks.db')
  const store = await openStore(t, path)
  await assert.rejects(openAt(path), { code: 'store_locked', message: /in use by another Taskyard server/ })
  const [outcome] = await store.tasks.enqueue(submissions(newTask()))
  assert.equal(outcome?.kind, 'accepted')
})

test('the file can be opened again once its server has closed it', async (t) => {
  const path = join(await temporaryFolder(t), 'tasks.db')
  const task = newTask()
  const first = await openAt(path)
  await first.tasks.enqueue(submissions(task))
  await first.lifecycle.close()
  const [found] = await (await openStore(t, path)).reads.find({ namespace: 'default', taskIds: [task.id] })
  assert.equal(found?.id, task.id)
})

test('missing folders are made', async (t) => {
  const path = join(await temporaryFolder(t), 'a', 'b', 'tasks.db')
  assert.equal((await (await openStore(t, path)).lifecycle.health()).healthy, true)
})

test('a folder that cannot be made is refused at once', {
  skip: process.platform !== 'linux' && 'there is no /proc',
}, async () => {
  await assert.rejects(openAt('/proc/missing/tasks.db'), { code: 'store_unavailable', message: /\/proc\/missing/ })
})

test('a path that is a folder is refused', async (t) => {
  const path = join(await temporaryFolder(t), 'folder.db')
  await mkdir(path)
  await assert.rejects(openAt(path), { code: 'store_unavailable', message: /cannot be opened/ })
})

test('a file that is no database is refused as damaged', async (t) => {
  const path = join(await temporaryFolder(t), 'tasks.db')
  await writeFile(path, 'this is not a database, however long it is '.repeat(100))
  await assert.rejects(openAt(path), { code: 'store_corrupt', message: /Restore a backup/ })
})

test('the database of another program is refused and left as it is', async (t) => {
  const path = join(await temporaryFolder(t), 'tasks.db')
  const other = new DatabaseSync(path)
  other.exec('CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)')
  other.close()
  await assert.rejects(openAt(path), { code: 'store_corrupt', message: /another program/ })
  const again = new DatabaseSync(path)
  assert.equal(again.prepare('SELECT count(*) AS n FROM theirs').get()?.n, 1)
  again.close()
})

test('a damaged page is found by the check at start', async (t) => {
  const path = join(await temporaryFolder(t), 'tasks.db')
  const store = await openAt(path)
  await store.tasks.enqueue({
    submissions: [{ tasks: Array.from({ length: 500 }, () => newTask()) }],
    queueDepth: 1000,
  })
  await store.lifecycle.close()
  await damage(path)
  await assert.rejects(openAt(path), { code: 'store_corrupt' })
})

async function damage(path: string): Promise<void> {
  const file = await open(path, 'r+')
  const { size } = await file.stat()
  const garbage = Buffer.alloc(4096, 0xab)
  for (let page = 20; page < size / 4096 - 1; page += 4) await file.write(garbage, 0, garbage.length, page * 4096)
  await file.close()
}

test('a file from a newer version is refused', async (t) => {
  const path = join(await temporaryFolder(t), 'tasks.db')
  await (await openAt(path)).lifecycle.close()
  const database = new DatabaseSync(path)
  database.exec('PRAGMA user_version = 999')
  database.close()
  await assert.rejects(openAt(path), { code: 'store_too_new', message: /schema version 999/ })
})

test('a file of the first version is brought up to date, and what ran then goes on', async (t) => {
  const path = join(await temporaryFolder(t), 'tasks.db')
  const id = newTask().id
  const old = new DatabaseSync(path)
  old.exec(await readFile(new URL('../src/migrations/0001-tasks.sql', import.meta.url), 'utf8'))
  old.exec(`
    PRAGMA application_id = 0x54534b59;
    PRAGMA user_version = 1;
    INSERT INTO lanes VALUES (1, 'default', 'default', 'test');
    INSERT INTO counters VALUES (1, 0, 0, 1, 0, 0, 0, 0, 0);
    INSERT INTO tasks VALUES (1, '${id}', 1, 0, '1', 1000, 1000, 3, NULL, NULL, NULL, NULL);
    INSERT INTO leases VALUES (1, 1, 7, 1, 0, ${systemClock.now() + 60_000}, NULL, 'w', NULL, 0, 1000, 2000, NULL, NULL, 0, 1);`)
  old.close()
  const store = await openStore(t, path)
  const lease = { taskId: id, token: 7 }
  assert.deepEqual(await store.tasks.extend({ namespace: 'default', leases: [lease], leaseMs: 60_000 }), ['ok'])
  const settlements = [{ ...lease, outcome: 'released' as const }]
  for (const repeated of [false, true]) {
    const { results } = await store.tasks.settle({ namespace: 'default', settlements, claim: null })
    assert.equal(results[0]?.status === 'ok' && results[0].repeated, repeated)
  }
  assert.equal((await store.tasks.claim({ ...CLAIM, requestId: 'again' })).length, 1)
})

test('a claim that is named gives its leases again after a restart', async (t) => {
  const path = join(await temporaryFolder(t), 'tasks.db')
  const named = { ...CLAIM, requestId: 'request-1', limit: 2 }
  const first = await openAt(path)
  await first.tasks.enqueue(submissions(newTask(), newTask(), newTask()))
  const ids = (await first.tasks.claim(named)).map((task) => task.id)
  await first.lifecycle.close()
  const store = await openStore(t, path)
  assert.deepEqual(
    (await store.tasks.claim(named)).map((task) => task.id),
    ids,
  )
})

test('migrating twice changes nothing', async (t) => {
  const path = join(await temporaryFolder(t), 'tasks.db')
  const first = await openAt(path)
  const { to } = await first.lifecycle.migrate()
  await first.lifecycle.close()
  assert.deepEqual(await (await openStore(t, path)).lifecycle.migrate(), { from: to, to })
})

test('a program given on the command line can open a store', async (t) => {
  const path = join(await temporaryFolder(t), 'tasks.db')
  const program = `
    import { openSqliteStore } from '@taskyard/store-sqlite'
    import { systemClock } from '@taskyard/core/runtime'
    const store = await openSqliteStore({ path: ${JSON.stringify(path)}, clock: systemClock })
    console.log((await store.lifecycle.health()).healthy)
    await store.lifecycle.close()`
  const args = ['--input-type=module', '--eval', program]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname, timeout: 30_000 })
  assert.equal(stdout, 'true\n')
})
