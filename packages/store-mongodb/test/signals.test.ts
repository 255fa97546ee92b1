import assert from 'node:assert/strict'
import { after, describe, mock, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createSimulatedClock, type SimulatedClock } from '@taskyard/conformance'
import type { Clock, NewsInterest, NewsMessage, NewsMissed, ReadyLane } from '@taskyard/core'
import type { Collection } from 'mongodb'
import type { SignalDocument } from '../src/signal-document.ts'
import { createSignals, type Signals } from '../src/signals.ts'
import { closeClients, databaseOf, freshUrl } from './test-bed.ts'

after(closeClients)

const LANE: ReadyLane = { namespace: 'default', queue: 'news', type: 'test' }
const OTHER: ReadyLane = { namespace: 'default', queue: 'other', type: 'test' }

const idOf = (n: number) => `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`

const ALL: NewsInterest = { of: 'tasks' }
const CANCELS: NewsInterest = { of: 'cancel-requests' }

const CANCEL: NewsMessage = { kind: 'cancel-requested', taskId: idOf(1), namespace: 'default', workerId: 'worker' }

const signalsOf = (url: string) => databaseOf(url).collection<SignalDocument>('signals')

type Open = (url: string, processId: string, clock: Clock, collection?: Collection<SignalDocument>) => Promise<Signals>

/** Where the server of the run refuses change streams, the second way shows that nothing is missing then. */
const WAYS = { polling: false, 'change streams, or a server that refuses them': true }

function opening(changeStream: boolean): Open {
  return async (url, processId, clock, collection = signalsOf(url)) =>
    createSignals({
      collection,
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
    other.wakeUps.subscribe((lanes) => heard.push(...lanes))
    one.publishReady([LANE])
    await until(clock, () => names(heard).has('news'))
    await Promise.all([one.close(), other.close()])
  })

  test('one that has missed some of the news is told of every lane', async (t) => {
    const url = await freshUrl(t)
    const clock = createSimulatedClock()
    const collection = signalsOf(url)
    const signals = await open(url, 'mine', clock)
    const heard: ReadyLane[] = []
    signals.wakeUps.subscribe((lanes) => heard.push(...lanes))
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
    signals.wakeUps.subscribe((lanes) => heard.push(...lanes))
    signals.assumeMissed()
    await until(clock, () => names(heard).has('other'))
    await signals.close()
  })

  test('a flood of messages is bounded, and none of it is heard twice', async (t) => {
    const url = await freshUrl(t)
    const clock = createSimulatedClock()
    const [one, other] = [await open(url, 'one', clock), await open(url, 'other', clock)]
    const heard: (NewsMessage | NewsMissed)[] = []
    other.news.subscribe(ALL, (message) => heard.push(message))
    await until(clock, () => one.news.isHeard('failed'))
    for (let n = 0; n < 10_000; n++)
      one.news.publish({ kind: 'changed', taskId: idOf(n), ...LANE, status: 'failed', tags: [] })
    await until(clock, () => heard.some(({ kind }) => kind === 'missed'))
    await clock.advance(5_000)
    assert.ok(heard.length <= 1_000, `${heard.length} messages`)
    const changes = heard.filter((message) => message.kind === 'changed')
    assert.equal(new Set(changes.map(({ taskId }) => taskId)).size, changes.length)
    await Promise.all([one.close(), other.close()])
  })

  test('a process that has gone leaves nothing behind', async (t) => {
    const url = await freshUrl(t)
    const clock = createSimulatedClock()
    const signals = await open(url, 'mine', clock)
    signals.publishReady([LANE])
    await until(clock, () => true)
    await signals.close()
    assert.deepEqual(await signalsOf(url).find().toArray(), [])
  })

  test('news that is published while the document is written goes with the next write', async (t) => {
    const url = await freshUrl(t)
    const clock = createSimulatedClock()
    const { collection, held, letGo } = holdFirstWrite(signalsOf(url))
    const [one, other] = [await open(url, 'one', clock, collection), await open(url, 'other', clock)]
    const heard: (NewsMessage | NewsMissed)[] = []
    other.news.subscribe(CANCELS, (message) => heard.push(message))
    one.news.subscribe(CANCELS, () => {})
    await Promise.all([held, clock.advance(10)])
    one.news.publish(CANCEL)
    letGo()
    await until(clock, () => heard.length > 0)
    assert.deepEqual(heard, [CANCEL])
    await Promise.all([one.close(), other.close()])
  })

  test('news that could not be written is written again', async (t) => {
    const url = await freshUrl(t)
    const clock = createSimulatedClock()
    const collection = signalsOf(url)
    const [one, other] = [await open(url, 'one', clock, collection), await open(url, 'other', clock)]
    const heard: (NewsMessage | NewsMissed)[] = []
    one.news.subscribe(CANCELS, () => {})
    other.news.subscribe(CANCELS, (message) => heard.push(message))
    one.news.publish({ ...CANCEL, taskId: idOf(0) })
    await until(clock, () => heard.length > 0)
    mock.method(collection, 'updateOne').mock.mockImplementationOnce(async () => {
      throw new Error('connection lost')
    })
    one.news.publish(CANCEL)
    await until(clock, () => heard.length > 1)
    await Promise.all([one.close(), other.close()])
  })

  test('a document that a late write has put back for some time is not heard twice', async (t) => {
    const url = await freshUrl(t)
    const clock = createSimulatedClock()
    const collection = signalsOf(url)
    const news = (n: number) => ({ n, lanes: [], messages: [{ ...CANCEL, taskId: idOf(n) }] })
    const put = (_id: string, ...numbers: number[]) =>
      collection.replaceOne({ _id }, { at: clock.now(), news: numbers.map(news) }, { upsert: true })
    const mine = await open(url, 'mine', clock)
    const heard: string[] = []
    mine.news.subscribe(CANCELS, (message) => 'taskId' in message && heard.push(message.taskId))
    await put('theirs', 1, 2)
    await until(clock, () => heard.includes(idOf(2)))
    await put('theirs', 1)
    // Whoever has heard this has read the other document too.
    await put('a later one', 3)
    await until(clock, () => heard.includes(idOf(3)))
    await put('theirs', 1, 2, 4)
    await until(clock, () => heard.includes(idOf(4)))
    assert.deepEqual(heard, [idOf(1), idOf(2), idOf(3), idOf(4)])
    await mine.close()
  })

  test("documents that are somebody else's keep no news back", async (t) => {
    const url = await freshUrl(t)
    const clock = createSimulatedClock()
    const foreign = databaseOf(url).collection('signals')
    const at = clock.now()
    const future = {
      n: 1,
      lanes: [7, 'default', 'default/future/test'],
      messages: [null, 7, { kind: 'future' }, CANCEL],
    }
    await foreign.insertMany([
      { at },
      { at, news: [] },
      ...[null, 7, {}, [null], [7], [{}], [{ n: 'x' }], [{ n: 1 }], [{ n: 1, lanes: {}, messages: {} }], [future]].map(
        (news, n) => ({ _id: `foreign-${n}` as never, at, news }),
      ),
    ])
    const [one, other] = [await open(url, 'one', clock), await open(url, 'other', clock)]
    const heard: ReadyLane[] = []
    const messages: (NewsMessage | NewsMissed)[] = []
    other.wakeUps.subscribe((lanes) => heard.push(...lanes))
    other.news.subscribe(CANCELS, (message) => messages.push(message))
    one.publishReady([LANE])
    await until(clock, () => names(heard).has('news'))
    // Lanes that were not named are all of them.
    await until(clock, () => names(heard).has('other'))
    assert.deepEqual(names(heard), new Set(['news', 'future', 'other']))
    assert.deepEqual(messages, [CANCEL])
    await Promise.all([one.close(), other.close()])
  })

  test('a process is forgotten with its document', async (t) => {
    const url = await freshUrl(t)
    const clock = createSimulatedClock()
    const collection = signalsOf(url)
    const put = (_id: string, queue: string) =>
      collection.insertOne({ _id, at: clock.now(), news: [{ n: 1, lanes: [`default/${queue}/test`], messages: [] }] })
    const mine = await open(url, 'mine', clock)
    const heard: ReadyLane[] = []
    mine.wakeUps.subscribe((lanes) => heard.push(...lanes))
    await put('theirs', 'first')
    await until(clock, () => names(heard).has('first'))
    await collection.deleteOne({ _id: 'theirs' })
    // Whoever has heard this has seen that the other document is gone.
    await put('a later one', 'second')
    await until(clock, () => names(heard).has('second'))
    await put('theirs', 'third')
    await until(clock, () => names(heard).has('third'))
    await mine.close()
  })

  test('the end leaves no timer', async (t) => {
    const url = await freshUrl(t)
    const clock = createSimulatedClock()
    const pending = new Set<object>()
    const counting: Clock = {
      now: clock.now,
      after(delayMs, callback) {
        const timer = {}
        pending.add(timer)
        const cancel = clock.after(delayMs, () => {
          pending.delete(timer)
          callback()
        })
        return () => {
          pending.delete(timer)
          cancel()
        }
      },
    }
    const signals = await open(url, 'mine', counting)
    signals.news.subscribe(CANCELS, () => {})
    signals.publishReady([LANE])
    signals.publishReady([OTHER])
    await signals.close()
    assert.equal(pending.size, 0)
  })
}

/** A collection whose first write waits to be let go. */
function holdFirstWrite(collection: Collection<SignalDocument>) {
  const [held, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const updateOne = collection.updateOne.bind(collection)
  mock.method(collection, 'updateOne').mock.mockImplementationOnce(async (...args: Parameters<typeof updateOne>) => {
    held.resolve()
    await released.promise
    return updateOne(...args)
  })
  return { collection, held: held.promise, letGo: released.resolve }
}
