import assert from 'node:assert/strict'
import { copyFileSync, existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '@taskyard/core/runtime'
import { openSqliteStore } from '../src/index.ts'
import { newTask, openStore, submissions, temporaryFolder } from './test-bed.ts'

const LOST_LOG = { code: 'store_log_lost', message: /copy\.db-wal/ }
const LOG_ALONE = { code: 'store_corrupt', message: /only its log is there, .*copy\.db-wal/ }

/** What a server has that is at work: a file and its log, in which all that was acknowledged is. */
async function atWork(t: TestContext) {
  const folder = await temporaryFolder(t)
  const path = join(folder, 'tasks.db')
  const store = await openStore(t, path)
  await store.tasks.enqueue(submissions(newTask()))
  const copy = join(folder, 'copy.db')
  return {
    copy,
    log: `${copy}-wal`,
    takeFile: () => copyFileSync(path, copy),
    takeLog: () => copyFileSync(`${path}-wal`, `${copy}-wal`),
  }
}

const openAt = (path: string) => openSqliteStore({ path, clock: systemClock })

async function waitingIn(t: TestContext, path: string): Promise<number> {
  const store = await openStore(t, path)
  const [queue] = await store.reads.counts({ namespace: 'default', queue: 'default' })
  await store.lifecycle.close()
  return queue?.counts.queued ?? 0
}

const noLogs = {
  'nothing in it': Buffer.alloc(0),
  'only the beginning of its header': Buffer.from([0x37, 0x7f, 0x06, 0x82, 0, 0x2d, 0xe2, 0x18]),
  'zeros, as of a file that was never synced': Buffer.alloc(8192),
  'something else in it': Buffer.from('garbage '.repeat(1000)),
}
for (const [what, content] of Object.entries(noLogs)) {
  test(`a file that needs its log is refused when the log beside it has ${what}, each time, and both are left`, async (t) => {
    const { copy, log, takeFile } = await atWork(t)
    takeFile()
    writeFileSync(log, content)
    for (let time = 1; time <= 2; time++) await assert.rejects(openAt(copy), LOST_LOG)
    assert.deepEqual(readFileSync(log), content)
  })
}

test('a log whose header is damaged is no log', async (t) => {
  const { copy, log, takeFile, takeLog } = await atWork(t)
  takeFile()
  takeLog()
  const damaged = readFileSync(log)
  damaged.writeUInt8(damaged.readUInt8(17) ^ 1, 17)
  writeFileSync(log, damaged)
  await assert.rejects(openAt(copy), LOST_LOG)
})

test('a log alone is refused and left as it is; with the file beside it nothing is missing', async (t) => {
  const { copy, log, takeFile, takeLog } = await atWork(t)
  takeLog()
  const before = readFileSync(log)
  await assert.rejects(openAt(copy), LOG_ALONE)
  assert.equal(existsSync(copy), false)
  writeFileSync(copy, '')
  await assert.rejects(openAt(copy), LOG_ALONE)
  assert.deepEqual(readFileSync(log), before)
  rmSync(copy)
  takeFile()
  assert.equal(await waitingIn(t, copy), 1)
})

test('a log in which nothing is does not keep a new file from being made', async (t) => {
  const { copy, log, takeLog } = await atWork(t)
  takeLog()
  truncateSync(log, 32)
  assert.equal(await waitingIn(t, copy), 0)
  assert.ok(statSync(copy).size > 0)
})
