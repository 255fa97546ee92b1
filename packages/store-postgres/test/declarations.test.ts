import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ownSchema } from './own-schema.ts'

test('each beat after a declaration tells another number, also after those of servers of the version before', async (t) => {
  const own = await ownSchema()
  t.after(() => own.destroy())
  const store = await own.open()
  const told = async () => (await store.presence.beat({ nodeId: 'node-1', workers: [], ttlMs: 5_000 })).declarations
  const declareAsBefore = (type: string, defaults: string) =>
    own.query(`SELECT "${own.schema}".declare_types('default', $1, $2, 10)`, [[type], [defaults]])
  let before = await told()
  assert.equal(await told(), before)
  for (const [type, defaults] of [
    ['a', '{"maxAttempts":1}'],
    ['a', '{"maxAttempts":2}'],
    ['b', '{"maxAttempts":1}'],
    ['a', ''],
  ] as const) {
    await declareAsBefore(type, defaults)
    const after = await told()
    assert.ok(after > before, `${type} ${defaults}`)
    before = after
  }
  await store.taskTypes.declareTypes({ namespace: 'default', types: [{ type: 'b', defaults: null }], limit: 10 })
  assert.ok((await told()) > before)
})
