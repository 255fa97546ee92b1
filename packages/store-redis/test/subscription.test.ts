import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { BusMessage, EventBus, OpenedStore } from '@taskyard/core'
import { sharedServer } from '@taskyard/test-servers'
import { freshPrefix, openTestStore } from './scene.ts'

/** Lets everything through but what `isCut` says: then the connection breaks instead. */
async function startInBetween(t: TestContext, target: URL, isCut: (sent: string) => boolean) {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one.on('error', () => {})
      one.on('close', () => other.destroy())
    }
    near.on('data', (bytes) => (isCut(bytes.toString('latin1')) ? near.destroy() : far.write(bytes)))
    far.pipe(near)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const breakAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  t.after(() => {
    server.close()
    breakAll()
  })
  return { url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`, breakAll }
}

function busOf({ bus }: OpenedStore): EventBus {
  assert.ok(bus !== null)
  return bus
}

test('a connection that breaks as it subscribes anew, again and again, harms nothing, and news arrive in the end', async (t) => {
  const { url } = await sharedServer('redis')
  const prefix = freshPrefix()
  let left = 0
  const inBetween = await startInBetween(t, new URL(url), (sent) => /subscribe/i.test(sent) && left-- > 0)
  const bus = busOf(await openTestStore(t, { url: inBetween.url, prefix }))
  const other = busOf(await openTestStore(t, { url, prefix }))
  let heard: BusMessage | null = null
  bus.subscribe((message) => {
    heard = message
  })

  left = 3
  inBetween.breakAll()
  const message = { kind: 'changed', taskId: 'x', terminal: true } as const
  while (heard === null) {
    other.publish(message)
    await setImmediate()
  }
  assert.deepEqual(heard, message)
  assert.ok(left <= 0)
})
