import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { after, test } from 'node:test'
import { systemClock } from '@taskyard/core/runtime'
import { openMongoDbStore } from '@taskyard/store-mongodb'
import { closeClients, databaseOf, deploymentOfTests, freshUrl, openStore, withParameter } from './test-bed.ts'

const { kind, changeStreams } = await deploymentOfTests()

after(closeClients)

const open = (url: string, allowUnsafeDurability = false) =>
  openMongoDbStore({ url, clock: systemClock, allowUnsafeDurability })

if (kind === 'FerretDB') {
  test('a server that does not apply updates atomically is refused by name', async (t) => {
    const url = await freshUrl(t)
    await assert.rejects(open(url), {
      code: 'unsafe_durability',
      message: /FerretDB .* does not apply updates atomically/,
    })
  })

  test('where safety is waived, the durability says what is missing', async (t) => {
    const store = await openStore(t)
    assert.match(store.lifecycle.durability, /^weakened: .*FerretDB/)
  })
} else {
  test('the durability says what a write waits for', async (t) => {
    const store = await openStore(t, { allowUnsafeDurability: false })
    assert.match(store.lifecycle.durability, /^every write journaled by .* \(MongoDB .*, (w:majority, )?j:true\)/)
  })
}

for (const [parameter, reason] of [
  ['w=1', /w=1.*w=majority/],
  ['w=0', /w=0/],
  ['journal=false', /journal=false/],
] as const) {
  test(`a URL with ${parameter} is refused`, async (t) => {
    const url = withParameter(await freshUrl(t), parameter)
    await assert.rejects(open(url), { code: 'unsafe_durability', message: reason })
  })

  test(`a URL with ${parameter} is taken where safety is waived, and says so`, async (t) => {
    const store = await openStore(t, { url: withParameter(await freshUrl(t), parameter) })
    assert.match(store.lifecycle.durability, reason)
  })
}

test('change streams are taken where the server has them, and refused by name where it has none', async (t) => {
  const url = withParameter(await freshUrl(t), 'wakeUps=changeStream')
  if (changeStreams) await openStore(t, { url })
  else await assert.rejects(open(url, true), { code: 'invalid_configuration', message: /replica set/ })
})

for (const url of [
  'mongodb://',
  'mongodb://:1/db',
  'mongodb://127.0.0.1:1/db?wakeUps=never',
  'mongodb://127.0.0.1:1/db?unheardOf=1',
  'mongodb://127.0.0.1:1/100%',
  'mongodb://127.0.0.1:1/a.b',
  `mongodb://127.0.0.1:1/${'x'.repeat(64)}`,
]) {
  test(`${url} is refused before anything is connected`, async () => {
    await assert.rejects(open(url), { code: 'invalid_configuration', message: /^TASKYARD_STORE: / })
  })
}

for (const login of ['user:100%', 'user%:secret', 'user:a/secret', 'user:a:b', 'user:a@b']) {
  test(`the user and password ${login} are refused, with a word on how to write them, and not shown`, async () => {
    const message = /^TASKYARD_STORE: (?!.*secret).*% as %25/
    await assert.rejects(open(`mongodb://${login}@127.0.0.1:1/db`), { code: 'invalid_configuration', message })
  })
}

test('a server that is down is reported within seconds', async () => {
  const from = performance.now()
  await assert.rejects(open(`mongodb://127.0.0.1:${await closedPort()}/`), { code: 'store_unavailable' })
  assert.ok(performance.now() - from < 30_000)
})

test('two stores on two databases of a server have nothing to do with each other', async (t) => {
  const [one, other] = [await openStore(t), await openStore(t)]
  await one.queues.pause({ namespace: 'default', queue: 'q', paused: true })
  assert.deepEqual(await other.reads.counts({ namespace: 'default', queue: null }), [])
})

test('a database of a newer version is refused', async (t) => {
  const url = await freshUrl(t)
  await openStore(t, { url })
  await databaseOf(url)
    .collection<{ _id: string }>('meta')
    .updateOne({ _id: 'schema' }, { $set: { version: 99 } })
  const store = await open(url, true)
  t.after(() => store.lifecycle.close())
  await assert.rejects(store.lifecycle.migrate(), { code: 'store_too_new', message: /version 99/ })
})

test('a transaction of the caller cannot be joined', async (t) => {
  const store = await openStore(t)
  await assert.rejects(store.tasks.enqueue({ submissions: [], queueDepth: 1, tx: {} }), {
    code: 'transaction_unsupported',
  })
})

function closedPort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
