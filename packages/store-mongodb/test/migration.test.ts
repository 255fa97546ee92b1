import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { after, type TestContext, test } from 'node:test'
import { systemClock } from '@taskyard/core/runtime'
import { openMongoDbStore } from '@taskyard/store-mongodb'
import { closeClients, freshUrl } from './test-bed.ts'

after(closeClients)

test('a migration may take longer than a call', async (t) => {
  const { url, held, release } = await startHolding(t, await freshUrl(t), ['isDoubtful', 'held-queue'])
  const store = await openMongoDbStore({ url, clock: systemClock, allowUnsafeDurability: true })
  t.after(() => store.lifecycle.close())
  const migration = store.lifecycle.migrate()
  await Promise.race([held, migration])
  await assert.rejects(store.queues.pause({ namespace: 'default', queue: 'held-queue', paused: true }), {
    code: 'store_unavailable',
  })
  release()
  assert.equal((await migration).to, 1)
})

/** A proxy that holds the answers of a connection once one of these words was written to it, until it is released. */
async function startHolding(t: TestContext, target: string, words: readonly string[]) {
  const url = new URL(target)
  const [host, port] = [url.hostname, Number(url.port || 27017)]
  const [held, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const proxy = createServer((near) => {
    const far = connect(port, host)
    near.on('data', (request) => {
      if (words.some((word) => request.includes(word))) {
        held.resolve()
        far.pause()
        void released.promise.then(() => far.resume())
      }
      far.write(request)
    })
    far.on('data', (answer) => near.write(answer))
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => {})
      one.on('close', () => other.destroy())
    }
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.after(() => proxy.close())
  url.port = String((proxy.address() as AddressInfo).port)
  url.searchParams.set('directConnection', 'true')
  return { url: url.href, held: held.promise, release: () => released.resolve() }
}
