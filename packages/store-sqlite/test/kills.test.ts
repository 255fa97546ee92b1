import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { migrate, openDatabase } from '../src/database.ts'
import { sayInUse, sayWhole } from '../src/log-mark.ts'
import { openStore, temporaryFolder } from './test-bed.ts'

/** Runs a program that opens the store at `path` and kills itself, as `kill -9` does. */
function runAndKill(path: string, steps: string): void {
  const program = `
    import { readdirSync, renameSync, statSync } from 'node:fs'
    import { dirname } from 'node:path'
    import { eventually } from '@taskyard/conformance'
    import { systemClock } from '@taskyard/core/runtime'
    import { openSqliteStore } from '../src/index.ts'
    import { newTask, submissions } from './test-bed.ts'
    const path = ${JSON.stringify(path)}
    const open = () => openSqliteStore({ path, clock: systemClock })
    const submit = (store, payload = 'null') => store.tasks.enqueue(submissions(newTask({ payload })))
    const mib = JSON.stringify('x'.repeat(1_048_576))
    ${steps}
    process.kill(process.pid, 'SIGKILL')`
  const run = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', program], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  })
  assert.equal(run.signal, 'SIGKILL', run.stderr)
}

async function waitingIn(t: TestContext, path: string): Promise<number> {
  const store = await openStore(t, path)
  const [queue] = await store.reads.counts({ namespace: 'default', queue: 'default' })
  await store.lifecycle.close()
  return queue?.counts.queued ?? 0
}

const kills = [
  { when: 'right after the first start', steps: 'await open()', waiting: 0 },
  { when: 'right after a submission', steps: 'await submit(await open())', waiting: 1 },
  {
    when: 'right after a start that follows another kill',
    before: 'await submit(await open())',
    steps: 'await open()',
    waiting: 1,
  },
  {
    when: 'right after a start that follows an orderly end',
    before: 'const store = await open(); await submit(store); await store.lifecycle.close(); await open()',
    steps: 'await open()',
    waiting: 1,
  },
  {
    when: 'right after the log was moved into the file',
    steps: `await submit(await open(), mib)
      await eventually('the file grows', 60_000, async () => statSync(path).size > 1_048_576)`,
    waiting: 1,
  },
  {
    when: 'when the log was begun anew after that',
    steps: `const store = await open()
      await submit(store, mib)
      await eventually('the file grows', 60_000, async () => statSync(path).size > 1_048_576)
      await submit(store)`,
    waiting: 2,
  },
  {
    when: 'in the middle of a backup',
    steps: `const store = await open()
      for (let i = 0; i < 20; i++) await submit(store, mib)
      void store.lifecycle.backup()
      const copies = () => readdirSync(dirname(path)).filter((name) => name.includes('.copy-under-way'))
      await eventually('a copy is begun', 60_000, async () => copies().length > 0)`,
    waiting: 20,
  },
]

for (const { when, before, steps, waiting } of kills) {
  test(`a server that is killed ${when} starts again with all that it has acknowledged`, async (t) => {
    const path = join(await temporaryFolder(t), 'tasks.db')
    if (before !== undefined) runAndKill(path, before)
    runAndKill(path, steps)
    assert.equal(await waitingIn(t, path), waiting)
  })
}

test('a file that was moved away from a server that is killed then is whole, without its log', async (t) => {
  const path = join(await temporaryFolder(t), 'tasks.db')
  const steps = `const store = await open()
    await submit(store)
    renameSync(path, path + '-moved')
    await submit(store).catch(() => {})`
  runAndKill(path, steps)
  // What was refused when it was noticed may be there, too.
  assert.ok((await waitingIn(t, `${path}-moved`)) >= 1)
})

/** Opens a copy of what a kill at this moment would leave. */
function assertOpens(path: string, moment: string): void {
  const copy = `${path}-killed`
  for (const suffix of ['', '-wal', '-in-use']) {
    rmSync(copy + suffix, { force: true })
    if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix)
  }
  assert.doesNotThrow(() => openDatabase(copy).close(), moment)
  assert.doesNotThrow(() => openDatabase(copy).close(), `${moment}, and again`)
}

test('there is no moment of a start and an end at which a kill leaves a file that is refused', async (t) => {
  const path = join(await temporaryFolder(t), 'tasks.db')
  for (let round = 1; round <= 2; round++) {
    const database = openDatabase(path)
    assertOpens(path, 'opened')
    migrate(database, path)
    assertOpens(path, 'migrated')
    sayInUse(database, path)
    assertOpens(path, 'in use')
    database.exec('CREATE TABLE IF NOT EXISTS filled (x); INSERT INTO filled VALUES (randomblob(10000))')
    assertOpens(path, 'written')
    database.exec('PRAGMA wal_checkpoint(PASSIVE)')
    assertOpens(path, 'log moved')
    database.exec('INSERT INTO filled VALUES (1)')
    assertOpens(path, 'log begun anew')
    sayWhole(database)
    assertOpens(path, 'whole')
    sayInUse(database, path)
    assertOpens(path, 'in use again')
    if (round === 1) sayWhole(database)
    database.close()
    assertOpens(path, 'closed')
  }
})
