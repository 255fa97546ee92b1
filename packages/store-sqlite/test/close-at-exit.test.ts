import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '@taskyard/core/runtime'
import { openSqliteStore } from '../src/index.ts'
import { openStore, temporaryFolder } from './test-bed.ts'

test('however many stores are open, the process has one listener for its exit, and none once they are closed', async (t) => {
  const folder = await temporaryFolder(t)
  const before = process.listenerCount('exit')
  const clock = systemClock
  const stores = await Promise.all(['a', 'b', 'c'].map((name) => openSqliteStore({ path: join(folder, name), clock })))
  t.after(() => Promise.all(stores.map(({ lifecycle }) => lifecycle.close())))
  assert.equal(process.listenerCount('exit'), before + 1)
  await stores[1]?.lifecycle.close()
  assert.equal(process.listenerCount('exit'), before + 1)
  await Promise.all(stores.map(({ lifecycle }) => lifecycle.close()))
  assert.equal(process.listenerCount('exit'), before)
})

test('a store in memory needs none', async (t) => {
  const before = process.listenerCount('exit')
  await openStore(t, ':memory:')
  assert.equal(process.listenerCount('exit'), before)
})

test('a program that exits without closing its stores leaves files that open with all their tasks', async (t) => {
  const folder = await temporaryFolder(t)
  const paths = ['a.db', 'b.db', 'c.db'].map((name) => join(folder, name))
  const program = `
    import { systemClock } from '@taskyard/core/runtime'
    import { openSqliteStore } from '../src/index.ts'
    import { newTask, submissions } from './test-bed.ts'
    for (const path of ${JSON.stringify(paths)}) {
      const store = await openSqliteStore({ path, clock: systemClock })
      await store.tasks.enqueue(submissions(newTask()))
    }
    process.exit(7)`
  const run = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', program], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  })
  assert.equal(run.status, 7, run.stderr)
  for (const path of paths) {
    const [queue] = await (await openStore(t, path)).reads.counts({ namespace: 'default', queue: 'default' })
    assert.equal(queue?.counts.queued, 1)
  }
})
