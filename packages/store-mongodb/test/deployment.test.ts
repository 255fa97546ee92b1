import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { MongoClient } from 'mongodb'
import { collectionsOf } from '../src/collections.ts'
import { assertUsable, type Deployment, deploymentFrom } from '../src/deployment.ts'

// What a server says of itself (https://www.mongodb.com/docs/manual/reference/command/hello/), and what follows from it.

const client = new MongoClient('mongodb://127.0.0.1:1/')
after(() => client.close())

const HELLO = { isWritablePrimary: true, localTime: new Date(0), ok: 1 }
const BUILD = { version: '7.0.14', ok: 1 }

const SERVERS: readonly (readonly [object, object, Partial<Deployment>])[] = [
  [HELLO, BUILD, { kind: 'standalone', version: '7.0.14', setName: null, changeStreams: false }],
  [{ ...HELLO, setName: 'rs0' }, BUILD, { kind: 'replica set', setName: 'rs0', changeStreams: true }],
  [{ ...HELLO, msg: 'isdbgrid' }, BUILD, { kind: 'sharded cluster', setName: null, changeStreams: true }],
  [HELLO, { ...BUILD, ferretdbVersion: 'v1.24.2' }, { kind: 'FerretDB', version: 'v1.24.2', changeStreams: false }],
  [
    { ...HELLO, setName: 'x' },
    { ...BUILD, ferretdb: { version: 'v2.1.0' } },
    { kind: 'FerretDB', version: 'v2.1.0' },
  ],
]

for (const [hello, build, expected] of SERVERS) {
  test(`${expected.kind} ${expected.version ?? ''} is known by what it says`, () => {
    const deployment = deploymentFrom({ ...hello }, { ...build })
    assert.deepEqual({ ...deployment, ...expected }, deployment)
  })
}

test('too old a server, and a member that takes no writes, are refused', () => {
  const check = (hello: object, build: object) => () => assertUsable(deploymentFrom({ ...hello }, { ...build }))
  assert.throws(check(HELLO, { version: '5.0.31' }), { code: 'invalid_configuration', message: /6\.0 or later/ })
  assert.throws(check({ ...HELLO, setName: 'rs0', isWritablePrimary: false }, BUILD), { code: 'store_read_only' })
  assert.doesNotThrow(check(HELLO, { version: '6.0.0' }))
})

test('every write waits for the journals of a majority, and reads see what a majority has where there is one', () => {
  for (const [hello, build, { kind }] of SERVERS) {
    const { tasks, keys } = collectionsOf(client, 'taskyard', deploymentFrom({ ...hello }, { ...build }))
    for (const collection of [tasks, keys]) {
      assert.deepEqual([collection.writeConcern?.w, collection.writeConcern?.journal], ['majority', true])
      assert.equal(collection.readPreference?.mode, 'primary')
      const isReplicated = kind === 'replica set' || kind === 'sharded cluster'
      assert.equal(collection.readConcern?.level, isReplicated ? 'majority' : undefined)
    }
  }
})
