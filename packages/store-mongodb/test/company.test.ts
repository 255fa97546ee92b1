import assert from 'node:assert/strict'
import { after, mock, type TestContext, test } from 'node:test'
import { DEFAULT_RETENTION, type OpenedStore, type SweepParams } from '@taskyard/core'
import { Collection, type Document } from 'mongodb'
import { CLAIM, closeClients, databaseOf, freshUrl, newTask, openStore, submissions } from './test-bed.ts'

// Two leases of a worker that died, which two processes end: neither was alone, whatever comes between their reads and writes.

after(closeClients)

const START = Date.UTC(2026, 0, 1)
const SWEEP: SweepParams = { cancelGraceMs: 10_000, retention: DEFAULT_RETENTION, limit: 10, jitter: 0.5 }

interface Crash {
  /** A process that sweeps when the first lease has ended, and one when both have. */
  readonly early: OpenedStore
  readonly late: OpenedStore
  crashesOfLoneTasks(): Promise<readonly unknown[]>
}

async function crashOf(t: TestContext): Promise<Crash> {
  const url = await freshUrl(t)
  let now = START
  const early = await openStore(t, { url, storeTime: () => now })
  await early.tasks.enqueue(submissions(newTask(), newTask()))
  for (const leaseMs of [1_000, 2_000])
    assert.equal((await early.tasks.claim({ ...CLAIM, limit: 1, leaseMs })).length, 1)
  const late = await openStore(t, { url, storeTime: () => START + 2_000 })
  now += 1_000
  const loneCrashes = () => databaseOf(url).collection<Document>('tasks').distinct('loneCrashes')
  return { early, late, crashesOfLoneTasks: async () => (await loneCrashes()).filter((crashes) => crashes !== 0) }
}

/** Where a call stops until it may go on. */
function gate() {
  const reached = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  return {
    reached: reached.promise,
    open: () => opened.resolve(),
    async pass() {
      reached.resolve()
      await opened.promise
    },
  }
}

test('a lease ends while another process has ended the one beside it and not yet heard so', async (t) => {
  const { early, late, crashesOfLoneTasks } = await crashOf(t)
  const { reached, open, pass } = gate()
  const { bulkWrite } = Collection.prototype
  const gated = mock.method(Collection.prototype, 'bulkWrite', async function (this: Collection, ...args: never[]) {
    const written = await bulkWrite.apply(this, args as never)
    if (JSON.stringify(args).includes('lease-expired')) await pass()
    return written
  })
  const sweeping = early.upkeep.sweep(SWEEP)
  await reached
  gated.mock.restore()
  assert.equal((await late.upkeep.sweep(SWEEP)).ended.length, 1)
  open()
  assert.equal((await sweeping).ended.length, 1)
  assert.deepEqual(await crashesOfLoneTasks(), [])
})

test('a lease ends by a process that another overtakes between reading leases and counting them', async (t) => {
  const { early, late, crashesOfLoneTasks } = await crashOf(t)
  const { reached, open, pass } = gate()
  const { aggregate } = Collection.prototype
  const gated = mock.method(Collection.prototype, 'aggregate', function (this: Collection, ...args: never[]) {
    const cursor = aggregate.apply(this, args as never)
    if (!JSON.stringify(args).includes('holder')) return cursor
    return { toArray: () => pass().then(() => cursor.toArray()) }
  } as never)
  const sweeping = late.upkeep.sweep(SWEEP)
  await reached
  gated.mock.restore()
  assert.equal((await early.upkeep.sweep(SWEEP)).ended.length, 1)
  open()
  assert.equal((await sweeping).ended.length, 1)
  assert.deepEqual(await crashesOfLoneTasks(), [])
})
