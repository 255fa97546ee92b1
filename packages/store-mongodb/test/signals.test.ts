import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createSimulatedClock, type SimulatedClock } from '@taskyard/conformance'
import type { BusMessage, ReadyLane } from '@taskyard/core'
import { createSignals, type SignalDocument, type Signals } from '../src/signals.ts'
import { closeClients, databaseOf, freshUrl } from './scene.ts'

after(closeClients)

const LANE: ReadyLane = { namespace: 'default', queue: 'news', type: 'test' }
const OTHER: ReadyLane = { namespace: 'default', queue: 'other', type: 'test' }

type Open = (url: string, processId: string, clock: SimulatedClock) => Promise<Signals>

/** Where the server of the run refuses change streams, the second way shows that nothing is missing then. */
const WAYS = { polling: false, 'change streams, or a server that refuses them': true }

function opening(changeStream: boolean): Open {
  return async (url, processId, clock) =>
    createSignals({
      collection: databaseOf(url).collection<SignalDocument>('signals'),
      clock,
      processId,
      changeStream,
      now: () => clock.now(),
      readyLanes: async () => [OTHER],
    })
}

/** Lets time pass until it is so, no faster than in reality: polls and writes take real time, and are given up after some. */
async function until(clock: SimulatedClock, isSo: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + 20_000
  while (!isSo() && performance.now() < giveUpAt) {
    await clock.advance(10)
    await delay(10)
  }
  assert.ok(isSo(), 'it has not come to be')
}

function names(heard: readonly ReadyLane[]): Set<string> {
  return new Set(heard.map(({ queue }) => queue))
}

for (const [way, changeStream] of Object.entries(WAYS)) {
  describe(`news between processes by ${way}`, () => describeNews(opening(changeStream)))
}

function describeNews(open: Open): void {
  test('another process hears which lanes are ready', async (t) => {
    const url = await freshUrl(t)
    const clock = createSimulatedClock()
    const [one, other] = [await open(url, 'one', clock), await open(url, 'other', clock)]
    const heard: ReadyLane[] = []
    other.onReady((lanes) => heard.push(...lanes))
    one.announce([LANE])
    await until(clock, () => names(heard).has('news'))
    await Promise.all([one.close(), other.close()])
  })

  test('one that has missed some of the news is told of every lane', async (t) => {
    const url = await freshUrl(t)
    const clock = createSimulatedClock()
    const collection = databaseOf(url).collection<SignalDocument>('signals')
    const signals = await open(url, 'mine', clock)
    const heard: ReadyLane[] = []
    signals.onReady((lanes) => heard.push(...lanes))
    const news = (n: number) => ({ n, lanes: ['default/news/test'], messages: [] })
    await collection.insertOne({ _id: 'theirs', at: clock.now(), news: [news(1)] })
    await until(clock, () => names(heard).has('news'))
    assert.ok(!names(heard).has('other'))
    await collection.updateOne({ _id: 'theirs' }, { $set: { at: clock.now(), news: [news(5)] } })
    await until(clock, () => names(heard).has('other'))
    await signals.close()
  })

  test('after trouble with the server everybody is woken', async (t) => {
    const url = await freshUrl(t)
    const clock = createSimulatedClock()
    const signals = await open(url, 'mine', clock)
    const heard: ReadyLane[] = []
    signals.onReady((lanes) => heard.push(...lanes))
    signals.suspect()
    await until(clock, () => names(heard).has('other'))
    await signals.close()
  })

  test('a flood of messages is bounded, and none of it is heard twice', async (t) => {
    const url = await freshUrl(t)
    const clock = createSimulatedClock()
    const [one, other] = [await open(url, 'one', clock), await open(url, 'other', clock)]
    const heard: BusMessage[] = []
    other.bus.subscribe((message) => heard.push(message))
    for (let n = 0; n < 10_000; n++) one.bus.publish({ kind: 'changed', taskId: `task-${n}`, terminal: true })
    await until(clock, () => heard.length > 0)
    await clock.advance(5_000)
    assert.ok(heard.length <= 1_000, `${heard.length} messages`)
    assert.equal(new Set(heard.map(({ taskId }) => taskId)).size, heard.length)
    await Promise.all([one.close(), other.close()])
  })

  test('a process that has gone leaves nothing behind', async (t) => {
    const url = await freshUrl(t)
    const clock = createSimulatedClock()
    const signals = await open(url, 'mine', clock)
    signals.announce([LANE])
    await until(clock, () => true)
    await signals.close()
    const collection = databaseOf(url).collection<SignalDocument>('signals')
    assert.deepEqual(await collection.find().toArray(), [])
  })
}
