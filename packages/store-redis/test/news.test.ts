import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import type { NewsMessage, NewsPort, ReadyLane, TaskChanged } from '@taskyard/core'
import { createRedisNews } from '../src/redis-news.ts'
import { createRedisWakeUps } from '../src/redis-wake-ups.ts'

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

describe('wake-ups on Redis', () => {
  it('goes to the listeners of this process at once, and to the others at once after a silence', () => {
    const { wakeUps, sent } = createTestBed()
    const heard: ReadyLane[] = []
    wakeUps.subscribe((lanes) => heard.push(...lanes))
    wakeUps.publishReady(A)
    assert.deepEqual(heard, [{ namespace: 'default', queue: 'a', type: 'test' }])
    assert.deepEqual(sent, [`me\u001f${A}`])
  })

  it('that comes in quick succession is sent together', async () => {
    const { wakeUps, sent, clock } = createTestBed()
    wakeUps.publishReady(A)
    wakeUps.publishReady(B)
    wakeUps.publishReady(A)
    assert.equal(sent.length, 1)
    await clock.advance(2)
    assert.deepEqual(sent.slice(1), [`me\u001f${B}\u001f${A}`])
    await clock.advance(100)
    assert.equal(sent.length, 2)
  })

  it('becomes rarer when there is much of it', async () => {
    const { wakeUps, sent, clock } = createTestBed()
    for (let ms = 0; ms < 1000; ms++) {
      wakeUps.publishReady(A)
      await clock.advance(1)
    }
    assert.ok(sent.length < 300, `${sent.length} messages in a second`)
  })

  it('that a script has sent is not sent again, and the next waits its turn', async () => {
    const { wakeUps, sent, clock } = createTestBed()
    assert.equal(wakeUps.signature(), 'me')
    wakeUps.publishReady(A, true)
    assert.deepEqual(sent, [])
    assert.equal(wakeUps.signature(), '')
    wakeUps.publishReady(B)
    await clock.advance(2)
    assert.deepEqual(sent, [`me\u001f${B}`])
  })

  it('from other processes is heard, its own echo is not', () => {
    const { wakeUps } = createTestBed()
    const heard: ReadyLane[] = []
    wakeUps.subscribe((lanes) => heard.push(...lanes))
    wakeUps.hear(`me\u001f${A}`)
    wakeUps.hear(`other\u001f${B}`)
    assert.deepEqual(
      heard.map(({ queue }) => queue),
      ['b'],
    )
  })

  it('is told from what others say on the channel', () => {
    const { wakeUps } = createTestBed()
    const heard: ReadyLane[] = []
    wakeUps.subscribe((lanes) => heard.push(...lanes))
    for (const text of FOREIGN) wakeUps.hear(text)
    wakeUps.hear(`other\u001fa\u001f\u001fa\nb\u001fa\nb\nc\nd\u001f\n\n\u001f${A}`)
    assert.deepEqual(heard, [{ namespace: 'default', queue: 'a', type: 'test' }])
  })
})

describe('news on Redis', () => {
  const listening = JSON.stringify(['other', { kind: 'listening', interests: [{ of: 'tasks' }], asks: false }])

  it('delivers in this process at once, and once', () => {
    const { news, sent } = createTestBed()
    const heard = listen(news)
    news.hear(listening)
    news.publish(changed('1'))
    for (const text of sent) news.hear(text)
    assert.deepEqual(heard, [changed('1')])
  })

  it('sends the first message at once and the next ones together, and nothing that nobody wants', async () => {
    const { news, sent, clock } = createTestBed()
    news.publish(changed('0'))
    news.hear(listening)
    for (const taskId of ['1', '2', '3']) news.publish(changed(taskId))
    assert.deepEqual(sent, [JSON.stringify(['me', changed('1')])])
    await clock.advance(20)
    assert.deepEqual(sent.slice(1), [JSON.stringify(['me', changed('2'), changed('3')])])
  })

  it('sends requests to cancel on a channel of their own, whoever listens', () => {
    const { news, sent, cancels } = createTestBed()
    const { taskId, namespace } = changed('1')
    const request: NewsMessage = { kind: 'cancel-requested', taskId, namespace, workerId: 'worker' }
    news.publish(request)
    assert.deepEqual([sent, cancels], [[], [JSON.stringify(['me', request])]])
  })

  it('hears what other processes say, and takes no harm from what is none of theirs', () => {
    const { news } = createTestBed()
    const heard = listen(news)
    for (const text of FOREIGN) news.hear(text)
    const future = { ...changed('2'), kind: 'future' }
    news.hear(JSON.stringify(['other', null, 7, {}, future, { ...changed('2'), taskId: 'x' }, changed('1')]))
    assert.deepEqual(heard, [changed('1')])
  })

  it('is silent once it is closed', async () => {
    const { news, sent, clock } = createTestBed()
    news.hear(listening)
    news.publish(changed('1'))
    news.publish(changed('2'))
    news.close()
    news.publish(changed('3'))
    await clock.advance(100)
    assert.equal(sent.length, 1)
  })
})

function listen(news: NewsPort): unknown[] {
  const heard: unknown[] = []
  const { taskId, namespace } = changed('1')
  news.subscribe({ of: 'task', taskId, namespace }, (message) => heard.push(message))
  return heard
}

function createTestBed() {
  const clock = createSimulatedClock()
  const sent: string[] = []
  const cancels: string[] = []
  const send = (text: string) => void sent.push(text)
  const news = createRedisNews('me', clock, { news: send, cancels: (text) => void cancels.push(text) })
  return { clock, sent, cancels, wakeUps: createRedisWakeUps('me', clock, send), news }
}

function changed(task: string): TaskChanged {
  const taskId = `01900000-0000-7000-8000-${task.padStart(12, '0')}`
  return { kind: 'changed', taskId, namespace: 'default', queue: 'a', type: 'test', status: 'failed', tags: [] }
}
