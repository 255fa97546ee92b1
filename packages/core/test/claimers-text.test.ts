import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Claimers, claimersFromText, claimersText } from '@taskyard/core'
import fc from 'fast-check'

const ORIGIN = { nodeId: 'node-1', namespace: 'default', saidAgoMs: 0 }
const PLAIN = { noNullPrototype: true }
const names = fc.option(fc.array(fc.string(), { maxLength: 3 }))
const worker = fc.record(
  {
    workerId: fc.string(),
    seenAgoMs: fc.nat(),
    concurrency: fc.option(fc.nat()),
    connected: fc.boolean(),
    watched: fc.boolean(),
    embedded: fc.boolean(),
  },
  PLAIN,
)
const claimers: fc.Arbitrary<Claimers> = fc.record(
  {
    namespace: fc.constantFrom('default', 'other'),
    queues: names,
    types: names,
    isPart: fc.boolean(),
    workers: fc.array(worker, { maxLength: 3 }),
  },
  PLAIN,
)

test('what a process says of its claimers comes back, of the namespace that is asked for', () => {
  fc.assert(
    fc.property(fc.array(claimers), (said) => {
      const own = said.filter(({ namespace }) => namespace === 'default')
      const expected = own.map((each) => ({ ...each, nodeId: 'node-1' }))
      assert.deepEqual(claimersFromText(claimersText(said), ORIGIN), expected)
    }),
  )
})

test('what is said in other words, by whatever version, says nothing', () => {
  const known = claimersText([{ namespace: 'default', queues: null, types: null, isPart: false, workers: [] }])
  const rows = ['1', 'null', '{}', '[]', '["default"]', '["default",null,null,0]', '["default",[1],null,0,[]]']
  for (const text of ['', '{', 'null', '7', '"x"', '{"a":1}', ...rows, `[${rows.join()}]`])
    assert.deepEqual(claimersFromText(text, ORIGIN), [], text)
  const workers = ['["default",null,null,0,[["w"]]]', '["default",null,null,0,[["w",0,"x",0,0,0]]]']
  assert.deepEqual(claimersFromText(`[${workers.join()}]`, ORIGIN), [])
  assert.equal(claimersFromText(`[${rows.join()},${known.slice(1, -1)}]`, ORIGIN).length, 1)
  fc.assert(fc.property(fc.json(), (text) => void claimersFromText(text, ORIGIN)))
})

test('a version to come may add to what is said of a worker', () => {
  const [{ workers } = { workers: [] }] = claimersFromText(
    '[["default",null,null,0,[["w",5,null,0,1,0,"more"]],1]]',
    ORIGIN,
  )
  const told = { seenAgoMs: 5, concurrency: null, connected: false, watched: true, embedded: false }
  assert.deepEqual(workers, [{ workerId: 'w', ...told }])
})
