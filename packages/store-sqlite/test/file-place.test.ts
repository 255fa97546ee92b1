import assert from 'node:assert/strict'
import { copyFile, mkdir, open, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { OpenedStore, ReadyLane } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { watchFolder, watchPlace } from '../src/file-place.ts'
import { CLAIM, newTask, openStore, submissions, temporaryFolder } from './test-bed.ts'

const GONE = { code: 'store_unavailable', message: /was removed or moved away while it was in use/ }
const OURS = { namespace: 'default' }
const REPLACED = { code: 'store_unavailable', message: /was replaced by another file while it was in use/ }

async function setUp(t: TestContext) {
  const folder = await temporaryFolder(t)
  await mkdir(join(folder, 'data'))
  const path = join(folder, 'data', 'tasks.db')
  return { folder, path, elsewhere: join(folder, 'elsewhere.db'), store: await openStore(t, path) }
}

async function submit(store: OpenedStore): Promise<string> {
  const task = newTask()
  await store.tasks.enqueue(submissions(task))
  return task.id
}

async function holds(store: OpenedStore, ...taskIds: string[]): Promise<void> {
  const found = await store.reads.find({ ...OURS, taskIds })
  assert.deepEqual(
    found.map((task) => task?.id),
    taskIds,
  )
}

test('a removed file is noticed: nothing is acknowledged any more, and the store says why it is not healthy', async (t) => {
  const { path, store } = await setUp(t)
  const before = await submit(store)
  await rm(path)
  await assert.rejects(submit(store), GONE)
  const { healthy, reason } = await store.lifecycle.health()
  assert.equal(healthy, false)
  assert.match(String(reason), GONE.message)
  await holds(store, before)
})

test('no write is acknowledged while the file is away', async (t) => {
  const { path, elsewhere, store } = await setUp(t)
  await submit(store)
  await submit(store)
  const [task] = await store.tasks.claim({ ...CLAIM, limit: 1 })
  assert.ok(task)
  const lease = { taskId: task.id, token: task.lease.token }
  await rename(path, elsewhere)
  const retention = { succeededSeconds: 1, failedSeconds: 1, finishedBytes: 1 }
  const writes = [
    () => store.tasks.claim(CLAIM),
    () => store.tasks.extend({ ...OURS, leases: [lease], leaseMs: 1000 }),
    () => store.tasks.settle({ ...OURS, settlements: [{ ...lease, outcome: 'succeeded', result: null }], claim: null }),
    () => store.tasks.record({ ...OURS, entries: [{ ...lease, progress: null, log: 'line' }] }),
    () => store.tasks.cancel({ ...OURS, taskIds: [task.id] }),
    () => store.tasks.retry({ ...OURS, taskIds: [task.id] }),
    () => store.queues.pause({ ...OURS, queue: 'default', paused: true }),
    () => store.presence.endLeases({ workers: [{ ...OURS, workerId: 'worker-1' }] }),
    () => store.upkeep.sweep({ cancelGraceMs: 1000, retention, limit: 10, jitter: 0 }),
  ]
  for (const write of writes) await assert.rejects(write, GONE)
})

test('when the file comes back the store goes on, with everything it has acknowledged', async (t) => {
  const { path, elsewhere, store } = await setUp(t)
  const before = await submit(store)
  await rename(path, elsewhere)
  await assert.rejects(submit(store), GONE)
  await rename(elsewhere, path)
  const after = await submit(store)
  assert.equal((await store.lifecycle.health()).healthy, true)
  await store.lifecycle.close()
  await holds(await openStore(t, path), before, after)
})

test('the folder may be the one that is moved', async (t) => {
  const { folder, path, store } = await setUp(t)
  const before = await submit(store)
  await rename(join(folder, 'data'), join(folder, 'moved'))
  await assert.rejects(submit(store), GONE)
  await rename(join(folder, 'moved'), join(folder, 'data'))
  const after = await submit(store)
  await store.lifecycle.close()
  await holds(await openStore(t, path), before, after)
})

test('a moved file has everything that was acknowledged, and nobody else opens it before its server has ended', async (t) => {
  const { path, elsewhere, store } = await setUp(t)
  const before = await submit(store)
  await rename(path, elsewhere)
  await assert.rejects(submit(store), GONE)
  await assert.rejects(openStore(t, elsewhere), { code: 'store_locked' })
  await store.lifecycle.close()
  await holds(await openStore(t, elsewhere), before)
})

test('a second server on the path of a moved file is the only one that acknowledges', async (t) => {
  const { path, elsewhere, store } = await setUp(t)
  await submit(store)
  await rename(path, elsewhere)
  await assert.rejects(openStore(t, path), { code: 'store_corrupt', message: /only its log is there/ })
  await assert.rejects(submit(store), GONE)
  const second = await openStore(t, path)
  await assert.rejects(submit(store), REPLACED)
  const task = await submit(second)
  await assert.rejects(submit(store), REPLACED)
  await second.lifecycle.close()
  await holds(await openStore(t, path), task)
})

test('a file that takes the place of the open one is left as it is', async (t) => {
  const { path, elsewhere, store } = await setUp(t)
  const other = await openStore(t, elsewhere)
  const theirs = await submit(other)
  await other.lifecycle.close()
  const ours = await submit(store)
  await rename(elsewhere, path)
  await assert.rejects(submit(store), REPLACED)
  await holds(store, ours)
  await store.lifecycle.close()
  await holds(await openStore(t, path), theirs)
})

test('a removed write-ahead log costs nothing: its content is saved and a new one is begun', async (t) => {
  const { folder, path, store } = await setUp(t)
  const ids = [await submit(store)]
  await rm(`${path}-wal`)
  await rm(`${path}-shm`, { force: true })
  ids.push(await submit(store), await submit(store))
  await holds(await openCopy(t, folder, path), ...ids)
  assert.equal((await store.lifecycle.health()).healthy, true)
})

test('listeners hear of tasks that became ready while the log was renewed, and lanes are known after it', async (t) => {
  const { path, store } = await setUp(t)
  await submit(store)
  await rm(`${path}-wal`)
  const told: (readonly ReadyLane[])[] = []
  // Once as they are sent to the thread, and once when they are stored.
  const twice = new Promise<void>((resolve) => {
    store.wakeUps.subscribe((lanes) => {
      if (told.push(lanes) === 2) resolve()
    })
  })
  await submit(store)
  await twice
  assert.deepEqual(
    told.map((lanes) => lanes.map(({ namespace, queue, type }) => [namespace, queue, type])),
    [[['default', 'default', 'test']], [['default', 'default', 'test']]],
  )
  assert.equal((await store.tasks.claim(CLAIM)).length, 2)
})

test('another file in the place of the write-ahead log is not touched', async (t) => {
  const { folder, path, store } = await setUp(t)
  const before = await submit(store)
  await rm(`${path}-wal`)
  await writeFile(`${path}-wal`, 'somebody else')
  await assert.rejects(submit(store), REPLACED)
  await rm(`${path}-wal`)
  const after = await submit(store)
  await holds(await openCopy(t, folder, path), before, after)
})

test('a file system that gives the open file another number is no loss', {
  skip: process.platform !== 'linux' && 'there is no /proc',
}, async (t) => {
  const { path, elsewhere } = await filesNamed(t, 'tasks.db', 'elsewhere.db')
  const { place } = watchPlace(path, systemClock)
  // As that would look: the number found is one of an open file, and the one from before is none.
  await rename(elsewhere, path)
  const renumbered = await open(path)
  assert.deepEqual(place(), { kind: 'in-place' })
  await renumbered.close()
})

test('another file is one, also when this process has it open', async (t) => {
  const { path, elsewhere } = await filesNamed(t, 'tasks.db', 'elsewhere.db')
  const files = [await open(path), await open(elsewhere)]
  const { place } = watchPlace(path, systemClock)
  await rename(elsewhere, path)
  assert.equal(place().kind, 'misplaced')
  for (const file of files) await file.close()
})

test('files that were restored from a copy, and the times with them, are others', async (t) => {
  const { folder, path, elsewhere } = await filesNamed(t, 'tasks.db', 'elsewhere.db')
  await utimes(folder, 1000, 1000)
  const { place } = watchPlace(path, { ...systemClock, now: () => Date.now() + 60_000 })
  assert.equal(place().kind, 'in-place')
  await rename(elsewhere, path)
  await utimes(folder, 1000, 1000)
  assert.equal(place().kind, 'misplaced')
})

const FOLDER = { ctimeMs: 1_000_000.5, ino: 1, dev: 1 }

test('a folder is the same as before only with the same time, number and device', () => {
  let found: typeof FOLDER | null = FOLDER
  const isSame = watchFolder(() => found, { ...systemClock, now: () => 2_000_000 })
  assert.deepEqual([isSame(), isSame()], [false, true])
  for (const other of [{ ctimeMs: 1_000_001.5 }, { ino: 2 }, { dev: 2 }]) {
    found = { ...FOLDER, ...other }
    assert.deepEqual([isSame(), isSame()], [false, true])
  }
  found = null
  assert.deepEqual([isSame(), isSame()], [false, false])
})

// Some file systems tell times in seconds, others by a clock that moves every few milliseconds.
for (const [ctimeMs, withinMs] of [
  [1_000_000, 1500],
  [1_000_000.5, 10],
] as const) {
  test(`a second change may leave the time of a folder at ${ctimeMs} ms for as long as that is new`, () => {
    let now = ctimeMs + withinMs
    const isSame = watchFolder(() => ({ ...FOLDER, ctimeMs }), { ...systemClock, now: () => now })
    assert.deepEqual([isSame(), isSame()], [false, false])
    now += 2001
    assert.deepEqual([isSame(), isSame()], [false, true])
  })
}

async function filesNamed(t: TestContext, file: string, other: string) {
  const folder = await temporaryFolder(t)
  const [path, elsewhere] = [join(folder, file), join(folder, other)]
  for (const name of [path, `${path}-wal`, elsewhere]) await writeFile(name, '')
  return { folder, path, elsewhere }
}

/** What a server would find that starts after this one was killed. */
async function openCopy(t: TestContext, folder: string, path: string): Promise<OpenedStore> {
  const copy = join(folder, 'copy.db')
  await copyFile(path, copy)
  await copyFile(`${path}-wal`, `${copy}-wal`)
  return openStore(t, copy)
}
