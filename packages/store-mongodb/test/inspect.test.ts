import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { systemClock } from '@taskyard/core/runtime'
import { inspectMongoDbStore } from '@taskyard/store-mongodb'
import {
  closeClients,
  databaseOf,
  deploymentOfTests,
  freshUrl,
  newTask,
  openStore,
  submissions,
  withParameter,
} from './test-bed.ts'

after(closeClients)

const { kind, setName } = await deploymentOfTests()
const OF_A_SET = setName === null ? [] : ['replication', 'oplog']
const CHECKS = ['version', 'durability', 'wake-ups', ...OF_A_SET, 'indexes', 'size', 'counts', 'slow claims', 'latency']

test('looks at everything, and at a server without a store too', async (t) => {
  const url = await freshUrl(t)
  const findings = await inspectMongoDbStore({ url, clock: systemClock })
  assert.deepEqual(
    findings.map(({ check }) => check),
    CHECKS,
  )
  assert.deepEqual(await databaseOf(url).listCollections().toArray(), [], 'nothing was made')
})

test('every finding that is not good says what to do', async (t) => {
  const url = await freshUrl(t)
  const store = await openStore(t, { url })
  await store.tasks.enqueue(submissions(newTask()))
  for (const { check, verdict, advice } of await inspectMongoDbStore({ url, clock: systemClock })) {
    assert.equal(advice === null, verdict === 'ok', check)
  }
})

test('a server that does not apply updates atomically is a problem, MongoDB is none', async (t) => {
  const findings = await inspectMongoDbStore({ url: await freshUrl(t), clock: systemClock })
  const version = findings.find(({ check }) => check === 'version')
  assert.equal(version?.verdict, kind === 'FerretDB' ? 'problem' : 'ok')
  assert.match(version?.detail ?? '', kind === 'FerretDB' ? /FerretDB/ : /MongoDB \d/)
})

test('a URL that asks for less than a majority is a problem', async (t) => {
  const findings = await inspectMongoDbStore({ url: withParameter(await freshUrl(t), 'w=1'), clock: systemClock })
  const durability = findings.find(({ check }) => check === 'durability')
  assert.equal(durability?.verdict, 'problem')
  assert.match(durability?.detail ?? '', /w=1/)
})

test('a server that is down cannot be inspected', async () => {
  const inspecting = inspectMongoDbStore({ url: 'mongodb://127.0.0.1:1/', clock: systemClock })
  await assert.rejects(inspecting, { code: 'store_unavailable' })
})
