import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { eventually } from '@taskyard/conformance'
import type { OpenedStore } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { openSqliteStore } from '../src/index.ts'
import { newTask, openStore, submissions, temporaryFolder } from './test-bed.ts'

const LOST_LOG = {
  code: 'store_log_lost',
  message: /copy\.db-wal, is not beside it, .*taskyard backup.*--store 'sqlite:\/.*copy\.db'/,
}

/** A store that is open and has a task, and where copies of its file go. */
async function openWithTask(t: TestContext) {
  const folder = await temporaryFolder(t)
  const path = join(folder, 'tasks.db')
  const store = await openStore(t, path)
  await addTask(store)
  return { path, store, copy: join(folder, 'copy.db') }
}

async function addTask(store: OpenedStore): Promise<void> {
  await store.tasks.enqueue(submissions(newTask()))
}

async function waitingIn(store: OpenedStore): Promise<number> {
  const [queue] = await store.reads.counts({ namespace: 'default', queue: 'default' })
  return queue?.counts.queued ?? 0
}

const openAt = (path: string, acceptLostLog = false) => openSqliteStore({ path, clock: systemClock, acceptLostLog })

test('a file that was copied from a running server without its log is refused, each time', async (t) => {
  const { path, copy } = await openWithTask(t)
  copyFileSync(path, copy)
  await assert.rejects(openAt(copy), LOST_LOG)
  await assert.rejects(openAt(copy), LOST_LOG)
  assert.equal(existsSync(`${copy}-wal`), false)
})

test('what such a file holds is used when its loss is accepted, and then it is a file like all others', async (t) => {
  const { path, copy } = await openWithTask(t)
  copyFileSync(path, copy)
  const accepted = await openAt(copy, true)
  await addTask(accepted)
  await accepted.lifecycle.close()
  assert.equal(await waitingIn(await openStore(t, copy)), 1)
})

test('with its log beside it the copy of a server that is not at work has everything', async (t) => {
  const { path, copy } = await openWithTask(t)
  copyFileSync(path, copy)
  copyFileSync(`${path}-wal`, `${copy}-wal`)
  assert.equal(await waitingIn(await openStore(t, copy)), 1)
})

test('after an orderly end the one file is everything', async (t) => {
  const { path, store, copy } = await openWithTask(t)
  await store.lifecycle.close()
  for (const suffix of ['-wal', '-in-use']) assert.equal(existsSync(path + suffix), false)
  copyFileSync(path, copy)
  assert.equal(await waitingIn(await openStore(t, copy)), 1)
})

test('a start that fails leaves a file that needs its log as it was', async (t) => {
  const { path, copy } = await openWithTask(t)
  copyFileSync(path, copy)
  copyFileSync(`${path}-wal`, `${copy}-wal`)
  const schema = (version: string) => {
    const database = new DatabaseSync(copy)
    const { user_version: before } = database.prepare('PRAGMA user_version').get() as { user_version: number }
    database.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA user_version = ${version}`)
    database.close()
    return before
  }
  writeFileSync(`${copy}-in-use`, '')
  // A program of SQLite's own merges the log, as it does after a crash.
  const known = schema('999')
  await assert.rejects(openAt(copy), { code: 'store_too_new' })
  schema(String(known))
  assert.equal(await waitingIn(await openStore(t, copy)), 1)
})

test('a log that is removed while it is in use is begun anew, and the file is as before', async (t) => {
  const { path, store } = await openWithTask(t)
  rmSync(`${path}-wal`)
  await addTask(store)
  await store.lifecycle.close()
  assert.equal(await waitingIn(await openStore(t, path)), 2)
})

test('what is committed goes into the file itself as soon as there is a pause', async (t) => {
  const { path, store } = await openWithTask(t)
  const before = statSync(path).size
  const payload = JSON.stringify('x'.repeat(300_000)) as never
  await store.tasks.enqueue(submissions(newTask({ payload })))
  await eventually('the file grows', 60_000, async () => statSync(path).size > before + 200_000)
})

test('files are for their user alone, and so are folders that are made for them', async (t) => {
  const folder = join(await temporaryFolder(t), 'made')
  const path = join(folder, 'tasks.db')
  const before = process.umask(0o022)
  t.after(() => process.umask(before))
  await addTask(await openStore(t, path))
  const modeOf = (file: string) => (statSync(file).mode & 0o777).toString(8)
  assert.deepEqual([folder, path, `${path}-wal`, `${path}-in-use`].map(modeOf), ['700', '600', '600', '600'])
})

for (const end of ['process.exit(7)', 'throw new Error("on purpose")', 'queueMicrotask(() => process.exit(0))']) {
  test(`a program that ends by ${end} without closing its store leaves a file that opens with all its tasks`, async (t) => {
    const path = join(await temporaryFolder(t), 'tasks.db')
    const program = `
      import { systemClock } from '@taskyard/core/runtime'
      import { openSqliteStore } from '../src/index.ts'
      import { newTask, submissions } from './test-bed.ts'
      const store = await openSqliteStore({ path: ${JSON.stringify(path)}, clock: systemClock })
      await store.tasks.enqueue(submissions(newTask()))
      ${end}`
    const run = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', program], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
    })
    assert.equal(run.signal, null, run.stderr)
    assert.equal(await waitingIn(await openStore(t, path)), 1, run.stderr)
  })
}
