import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Clock, NewsMessage, NewsPort, OpenedStore } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { sharedServer } from '@taskyard/test-servers'
import { adminClient, freshPrefix, namespace, newId, openTestStore, startCluster } from './test-bed.ts'

/** Lets everything through but what `isCut` says: then the connection breaks instead. */
async function startInBetween(t: TestContext, target: () => URL, isCut: (sent: string) => boolean) {
  const sockets = new Set<Socket>()
  const subscribed = new Set<Socket>()
  const dead = new Set<Socket>()
  const server = createServer((near) => {
    const { port, hostname } = target()
    const far = connect(Number(port), hostname)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one.on('error', () => {})
      one.on('close', () => other.destroy())
    }
    near.on('data', (bytes) => {
      const sent = bytes.toString('latin1')
      if (isCut(sent)) near.destroy()
      if (isSubscription(sent)) subscribed.add(near)
      if (!dead.has(near)) far.write(bytes)
    })
    far.on('data', (bytes) => {
      if (!dead.has(near)) near.write(bytes)
    })
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
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    breakAll,
    /** Nothing comes through any more where somebody has subscribed. */
    silenceSubscribed() {
      for (const socket of subscribed) dead.add(socket)
    },
  }
}

const isSubscription = (sent: string) => /subscribe/i.test(sent)

function newsOf({ news }: OpenedStore): NewsPort {
  assert.ok(news !== null)
  return news
}

test('a connection that breaks as it subscribes anew, again and again, harms nothing, and news arrive in the end', async (t) => {
  const { url } = await sharedServer('redis')
  const prefix = freshPrefix()
  let left = 0
  const inBetween = await startInBetween(
    t,
    () => new URL(url),
    (sent) => isSubscription(sent) && left-- > 0,
  )
  const news = newsOf(await openTestStore(t, { url: inBetween.url, prefix }))
  const other = newsOf(await openTestStore(t, { url, prefix }))

  left = 3
  inBetween.breakAll()
  await untilHeard(other, news)
  assert.ok(left <= 0)
})

test("a cluster's connection for news that is dead without a word is found out, and news arrive in the end", async (t) => {
  let url = ''
  const inBetween = await startInBetween(
    t,
    () => new URL(url),
    () => false,
  )
  const server = await startCluster({ 'cluster-announce-port': String(inBetween.port) })
  t.after(() => server.destroy())
  url = server.url
  const prefix = freshPrefix()
  let speed = 1
  const clock: Clock = { ...systemClock, after: (ms, callback) => systemClock.after(ms / speed, callback) }
  const news = newsOf(await openTestStore(t, { url: inBetween.url, prefix, clock }))
  const other = newsOf(await openTestStore(t, { url: inBetween.url, prefix }))
  await untilHeard(other, news)

  speed = 10
  inBetween.silenceSubscribed()
  await untilHeard(other, news)
})

async function untilHeard(from: NewsPort, by: NewsPort): Promise<void> {
  const taskId = newId()
  const lane = { namespace, queue: 'default', type: 'test' }
  const message = { kind: 'changed', taskId, ...lane, status: 'queued', tags: [] } as const
  let heard: NewsMessage | null = null
  const stop = by.subscribe({ of: 'task', namespace, taskId }, (message) => {
    if (message.kind !== 'missed') heard = message
  })
  while (heard === null) {
    from.publish(message)
    await setImmediate()
  }
  stop()
  assert.deepEqual(heard, message)
}

test('a store goes on listening when somebody else publishes on its channels', async (t) => {
  const { url } = await sharedServer('redis')
  const prefix = freshPrefix()
  const news = newsOf(await openTestStore(t, { url, prefix }))
  const other = newsOf(await openTestStore(t, { url, prefix }))
  const stranger = adminClient(t, url)
  for (const channel of ['news', 'cancels', 'ready']) {
    for (const text of ['', 'hello', 'null', '5', '{}', '["x",null]', 'x\u001fa']) {
      await stranger.publish(`{${prefix}}:${channel}`, text)
    }
  }
  await untilHeard(other, news)
})
