import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sharedServer } from '@taskyard/test-servers'
import { adminClient, freshPrefix, openTestStore } from './test-bed.ts'

test('beats tell another number while a server of the version before, which counts no declarations, beats too', async (t) => {
  const { url } = await sharedServer('redis')
  const prefix = freshPrefix()
  const store = await openTestStore(t, { url, prefix })
  const redis = adminClient(t, url)
  const told = async () => (await store.presence.beat({ nodeId: 'node-1', workers: [], ttlMs: 5_000 })).declarations
  const first = await told()
  assert.equal(await told(), first)
  for (let before = first, beats = 0; beats < 3; beats++) {
    await redis.hincrby(`{${prefix}}:meta`, 'now', 1)
    const after = await told()
    assert.ok(after > before)
    before = after
  }
  const last = await told()
  assert.equal(await told(), last)
})
