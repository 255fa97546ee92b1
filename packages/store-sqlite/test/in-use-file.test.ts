import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { systemClock } from '@taskyard/core/runtime'
import { openDatabase } from '../src/database.ts'
import { copySqliteFile, openSqliteStore } from '../src/index.ts'
import { NEEDS_LOG } from '../src/log-mark.ts'
import { newTask, openStore, submissions, temporaryFolder } from './test-bed.ts'

const LOST_LOG = { code: 'store_log_lost' }
const openAt = (path: string, acceptLostLog = false) => openSqliteStore({ path, clock: systemClock, acceptLostLog })

/** A program that has submitted a task to the store at `path`, and goes on with `steps`. */
function program(path: string, steps: string): string {
  return `
    import { systemClock } from '@taskyard/core/runtime'
    import { openSqliteStore } from '../src/index.ts'
    import { newTask, submissions } from './test-bed.ts'
    const path = ${JSON.stringify(path)}
    const store = await openSqliteStore({ path, clock: systemClock })
    await store.tasks.enqueue(submissions(newTask()))
    ${steps}`
}

function run(path: string, steps: string) {
  return spawnSync(process.execPath, ['--input-type=module-typescript', '-e', program(path, steps)], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  })
}

/** The files of a server with one task that was killed. */
async function killed(t: TestContext): Promise<string> {
  const path = join(await temporaryFolder(t), 'tasks.db')
  const { signal, stderr } = run(path, "process.kill(process.pid, 'SIGKILL')")
  assert.equal(signal, 'SIGKILL', stderr)
  return path
}

/** What every program of SQLite's does: the log is in the file then, and gone. */
function openAndClose(path: string): void {
  const database = new DatabaseSync(path)
  database.prepare('SELECT count(*) FROM tasks').get()
  database.close()
  assert.equal(existsSync(`${path}-wal`), false)
  assert.equal(markOf(path), NEEDS_LOG)
}

function markOf(path: string): unknown {
  const database = new DatabaseSync(path, { readOnly: true })
  const mark = database.prepare('PRAGMA application_id').get()?.application_id
  database.close()
  rmSync(`${path}-wal`, { force: true })
  rmSync(`${path}-shm`, { force: true })
  return mark
}

async function assertHasTheTask(t: TestContext, path: string): Promise<void> {
  const store = await openStore(t, path)
  const [queue] = await store.reads.counts({ namespace: 'default', queue: 'default' })
  assert.equal(queue?.counts.queued, 1)
  await store.lifecycle.close()
}

test('a file whose log another program has moved in after a kill opens with all its tasks', async (t) => {
  const path = await killed(t)
  openAndClose(path)
  await assertHasTheTask(t, path)
})

test('so does one that is killed again and again after that, at its start', async (t) => {
  const path = await killed(t)
  for (let round = 1; round <= 2; round++) {
    openAndClose(path)
    run(path, "process.kill(process.pid, 'SIGKILL')")
  }
  const store = await openStore(t, path)
  const [queue] = await store.reads.counts({ namespace: 'default', queue: 'default' })
  assert.equal(queue?.counts.queued, 3)
})

test('a file that was copied with its log, and closed without a word while a server started on it, opens', async (t) => {
  const path = await killed(t)
  const copy = join(await temporaryFolder(t), 'copy.db')
  for (const suffix of ['', '-wal']) copyFileSync(path + suffix, copy + suffix)
  // As SQLite does where the thread that starts is torn down.
  openDatabase(copy).close()
  assert.equal(existsSync(`${copy}-wal`), false)
  assert.equal(markOf(copy), NEEDS_LOG)
  await assertHasTheTask(t, copy)
})

test('a thread that is terminated with the store in it leaves a file that opens', async (t) => {
  const path = join(await temporaryFolder(t), 'tasks.db')
  const script = `
    const { parentPort, workerData } = require('node:worker_threads')
    Promise.all(workerData.modules.map((module) => import(module)))
      .then(async ([{ openSqliteStore }, { systemClock }, { newTask, submissions }]) => {
        const store = await openSqliteStore({ path: workerData.path, clock: systemClock })
        await store.tasks.enqueue(submissions(newTask()))
        parentPort.postMessage('submitted')
      })`
  const modules = ['../src/index.ts', '@taskyard/core/runtime', './test-bed.ts'].map((name) =>
    import.meta.resolve(name),
  )
  const thread = new Worker(script, { eval: true, workerData: { modules, path } })
  assert.deepEqual(await once(thread, 'message'), ['submitted'])
  await thread.terminate()
  await assertHasTheTask(t, path)
})

test('a file stands beside the store while it is in use, and is gone after its orderly end', async (t) => {
  const folder = await temporaryFolder(t)
  const store = await openAt(join(folder, 'tasks.db'))
  assert.deepEqual(readdirSync(folder).toSorted(), ['tasks.db', 'tasks.db-in-use', 'tasks.db-wal'])
  await store.lifecycle.close()
  assert.deepEqual(readdirSync(folder), ['tasks.db'])
})

test('an empty or damaged log is refused in the place itself, too', async (t) => {
  const path = await killed(t)
  for (const content of ['', 'garbage '.repeat(100)]) {
    writeFileSync(`${path}-wal`, content)
    await assert.rejects(openAt(path), LOST_LOG)
  }
})

test('a copy of all files that stand there has everything', async (t) => {
  const folder = await temporaryFolder(t)
  const path = join(folder, 'tasks.db')
  const store = await openStore(t, path)
  await store.tasks.enqueue(submissions(newTask()))
  mkdirSync(join(folder, 'copy'))
  for (const name of readdirSync(folder).filter((found) => found.startsWith('tasks.db')))
    copyFileSync(join(folder, name), join(folder, 'copy', name))
  await assertHasTheTask(t, join(folder, 'copy', 'tasks.db'))
})

test('a file that was copied before its log was moved in is no longer refused once its loss was accepted', async (t) => {
  const path = await killed(t)
  openAndClose(path)
  const copy = `${path}-copy`
  copyFileSync(path, copy)
  await assert.rejects(openAt(copy), LOST_LOG)
  await (await openAt(copy, true)).lifecycle.close()
  await assertHasTheTask(t, copy)
})

test('a file that was copied by itself after a kill still starts where it is', async (t) => {
  const path = await killed(t)
  await copySqliteFile(path, `${path}-copy`)
  await assertHasTheTask(t, `${path}-copy`)
  await assertHasTheTask(t, path)
})

test('a link to the file leads to its log as well', async (t) => {
  const path = await killed(t)
  const link = join(await temporaryFolder(t), 'link.db')
  symlinkSync(path, link)
  await assertHasTheTask(t, link)
  assert.deepEqual(readdirSync(join(path, '..')), ['tasks.db'])
})

test('nothing is left beside the database of another program, which has its log', async (t) => {
  const folder = await temporaryFolder(t)
  const theirs = new DatabaseSync(join(folder, 'theirs.db'))
  theirs.exec('PRAGMA journal_mode = WAL; CREATE TABLE theirs (x)')
  for (const suffix of ['', '-wal']) copyFileSync(join(folder, `theirs.db${suffix}`), join(folder, `copy.db${suffix}`))
  theirs.close()
  await assert.rejects(openAt(join(folder, 'copy.db')), { code: 'store_corrupt' })
  assert.deepEqual(readdirSync(folder).toSorted(), ['copy.db', 'theirs.db'])
})

test('a start waits a moment for a lock that somebody has who only looks', async (t) => {
  const path = await killed(t)
  const reader = new DatabaseSync(path, { readOnly: true })
  reader.exec('BEGIN; SELECT count(*) FROM tasks')
  const opening = openAt(path)
  setTimeout(() => reader.close(), 300)
  await (await opening).lifecycle.close()
})
