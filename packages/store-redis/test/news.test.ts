import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import type { NewsMessage, ReadyLane } from '@taskyard/core'
import { createReadyNews } from '../src/ready-news.ts'
import { createRedisEventBus } from '../src/redis-event-bus.ts'

const A = 'default\na\ntest'
const B = 'default\nb\ntest'

/** Said on the channels by somebody else. */
const FOREIGN = [
  '',
  'hello',
  'null',
  '5',
  'true',
  '"x"',
  '{}',
  '[]',
  '[null]',
  '["x",null]',
  '["x",[]]',
  'x\u001f',
  'x\u001fa',
]

describe('news of ready tasks', () => {
  it('goes to the listeners of this process at once, and to the others at once after a silence', () => {
    const { news, sent } = scene()
    const heard: ReadyLane[] = []
    news.listen((lanes) => heard.push(...lanes))
    news.announce(A)
    assert.deepEqual(heard, [{ namespace: 'default', queue: 'a', type: 'test' }])
    assert.deepEqual(sent, [`me\u001f${A}`])
  })

  it('that comes in quick succession is sent together', async () => {
    const { news, sent, clock } = scene()
    news.announce(A)
    news.announce(B)
    news.announce(A)
    assert.equal(sent.length, 1)
    await clock.advance(2)
    assert.deepEqual(sent.slice(1), [`me\u001f${B}\u001f${A}`])
    await clock.advance(100)
    assert.equal(sent.length, 2)
  })

  it('becomes rarer when there is much of it', async () => {
    const { news, sent, clock } = scene()
    for (let ms = 0; ms < 1000; ms++) {
      news.announce(A)
      await clock.advance(1)
    }
    assert.ok(sent.length < 300, `${sent.length} messages in a second`)
  })

  it('that a script has sent is not sent again, and the next waits its turn', async () => {
    const { news, sent, clock } = scene()
    assert.equal(news.signature(), 'me')
    news.announce(A, true)
    assert.deepEqual(sent, [])
    assert.equal(news.signature(), '')
    news.announce(B)
    await clock.advance(2)
    assert.deepEqual(sent, [`me\u001f${B}`])
  })

  it('from other processes is heard, its own echo is not', () => {
    const { news } = scene()
    const heard: ReadyLane[] = []
    news.listen((lanes) => heard.push(...lanes))
    news.hear(`me\u001f${A}`)
    news.hear(`other\u001f${B}`)
    assert.deepEqual(
      heard.map(({ queue }) => queue),
      ['b'],
    )
  })

  it('is told from what others say on the channel', () => {
    const { news } = scene()
    const heard: ReadyLane[] = []
    news.listen((lanes) => heard.push(...lanes))
    for (const text of FOREIGN) news.hear(text)
    news.hear(`other\u001fa\u001f\u001fa\nb\u001fa\nb\nc\nd\u001f\n\n\u001f${A}`)
    assert.deepEqual(heard, [{ namespace: 'default', queue: 'a', type: 'test' }])
  })
})

describe('the event bus on Redis', () => {
  it('delivers in this process at once, and once', () => {
    const { bus, sent } = scene()
    const heard: NewsMessage[] = []
    bus.subscribe((message) => heard.push(message))
    bus.publish(changed('1'))
    bus.hear(sent[0] as string)
    assert.deepEqual(heard, [changed('1')])
  })

  it('sends the first message at once and the next ones together', async () => {
    const { bus, sent, clock } = scene()
    for (const taskId of ['1', '2', '3']) bus.publish(changed(taskId))
    assert.deepEqual(sent, [JSON.stringify(['me', changed('1')])])
    await clock.advance(20)
    assert.deepEqual(sent.slice(1), [JSON.stringify(['me', changed('2'), changed('3')])])
  })

  it('drops what is too much rather than grow', async () => {
    const { bus, sent, clock } = scene()
    for (let n = 0; n < 20_000; n++) bus.publish(changed(String(n)))
    await clock.advance(20)
    assert.ok((JSON.parse(sent[1] as string) as unknown[]).length <= 10_001)
  })

  it('hears what other processes say, and takes no harm from what is none of theirs', () => {
    const { bus } = scene()
    const heard: NewsMessage[] = []
    bus.subscribe((message) => heard.push(message))
    for (const text of FOREIGN) bus.hear(text)
    const future = { ...changed('2'), kind: 'future' }
    bus.hear(JSON.stringify(['other', null, 7, {}, future, { ...changed('2'), taskId: 'x' }, changed('1')]))
    assert.deepEqual(heard, [changed('1')])
  })

  it('is silent once it is closed', async () => {
    const { bus, sent, clock } = scene()
    bus.publish(changed('1'))
    bus.publish(changed('2'))
    bus.close()
    bus.publish(changed('3'))
    await clock.advance(100)
    assert.equal(sent.length, 1)
  })
})

function scene() {
  const clock = createSimulatedClock()
  const sent: string[] = []
  const send = (text: string) => void sent.push(text)
  return { clock, sent, news: createReadyNews('me', clock, send), bus: createRedisEventBus('me', clock, send) }
}

function changed(task: string): NewsMessage {
  return { kind: 'changed', taskId: `01900000-0000-7000-8000-${task.padStart(12, '0')}`, terminal: true }
}
