import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createLocalNews, type NewsMessage, type NewsMissed, type NewsPort, toJsonText } from '@taskyard/core'
import { claimOf, PAYLOAD, startEngine } from './test-bed.ts'

const LANE = { queue: 'mail', type: 'email' }
const TASK = { ...LANE, payload: PAYLOAD, tags: ['red'] }
const CLAIM = { ...claimOf('worker-1'), queues: ['mail'] }

function listening(): { readonly news: NewsPort; readonly heard: (NewsMessage | NewsMissed)[] } {
  const news = createLocalNews()
  const heard: (NewsMessage | NewsMissed)[] = []
  news.subscribe({ of: 'tasks' }, (message) => heard.push(message))
  return { news, heard }
}

async function startTenant(t: TestContext, news: NewsPort) {
  const { engine, clock } = await startEngine(t, { news })
  return { engine: engine.in('tenant'), clock }
}

test('every change of a task is told, with what it is about and as far as the tags are at hand', async (t) => {
  const { news, heard } = listening()
  const { engine } = await startTenant(t, news)
  const { task } = await engine.submit(TASK)
  const [first] = await engine.claim(CLAIM)
  const failed = { taskId: task.id, token: first?.lease.token ?? 0, outcome: 'failed' } as const
  await engine.settle([{ ...failed, retryDelaySeconds: 60 }])
  await engine.cancel(task.id)
  await engine.retry(task.id)
  const { tasks } = await engine.settle([], CLAIM)
  const token = tasks[0]?.lease.token ?? 0
  await engine.settle([{ taskId: task.id, token, outcome: 'succeeded', result: toJsonText(1) }])
  await engine.submit({ ...TASK, delaySeconds: 60 })
  const told = heard.map((message) => (message.kind === 'changed' ? [message.status, message.tags] : message))
  assert.deepEqual(told, [
    ['queued', ['red']],
    ['running', ['red']],
    ['scheduled', null],
    ['cancelled', ['red']],
    ['queued', ['red']],
    ['running', ['red']],
    ['succeeded', null],
    ['scheduled', ['red']],
  ])
  const { tags: _, status: __, ...about } = heard[0] as Extract<NewsMessage, { kind: 'changed' }>
  assert.deepEqual(about, { kind: 'changed', taskId: task.id, namespace: 'tenant', ...LANE })
})

test('batches, ends of leases and operations by filter are told as single calls are', async (t) => {
  const { news, heard } = listening()
  const { engine, clock } = await startTenant(t, news)
  const statuses = () => {
    const told = heard.map((message) =>
      message.kind === 'changed' ? `${message.namespace} ${message.status}` : message,
    )
    heard.length = 0
    return told
  }
  await engine.submitMany([TASK, TASK])
  assert.deepEqual(statuses(), ['tenant queued', 'tenant queued'])
  await engine.claim({ ...CLAIM, leaseSeconds: 1 })
  await clock.advance(5000)
  assert.deepEqual(statuses(), ['tenant running', 'tenant queued'])
  await engine.cancelMatching({ queue: 'mail' })
  assert.deepEqual(statuses(), ['tenant cancelled', 'tenant cancelled'])
  await engine.retryMatching({ queue: 'mail', status: 'cancelled' })
  assert.deepEqual(statuses(), ['tenant queued', 'tenant queued'])
})

test('records, and a request to cancel, are told to those who listen for the task', async (t) => {
  const { news, heard } = listening()
  const { engine } = await startTenant(t, news)
  const { task } = await engine.submit(TASK)
  const [leased] = await engine.claim(CLAIM)
  const records: string[] = []
  news.subscribe({ of: 'task', namespace: 'tenant', taskId: task.id }, ({ kind }) => records.push(kind))
  const before = heard.length
  await engine.record([{ taskId: task.id, token: leased?.lease.token ?? 0, log: 'half way' }])
  await engine.cancel(task.id)
  assert.deepEqual(records, ['recorded', 'recorded'])
  assert.equal(heard.length, before)
})

test('a task that is given again to a repeated claim is told once', async (t) => {
  const { news, heard } = listening()
  const { engine } = await startTenant(t, news)
  await engine.submit(TASK)
  for (let again = 0; again < 2; again++) await engine.claim({ ...CLAIM, requestId: 'one' })
  assert.equal(heard.length, 2)
})

test('tags that are too long to be told are left to be looked up', async (t) => {
  const { news, heard } = listening()
  const { engine } = await startTenant(t, news)
  await engine.submit({ ...TASK, tags: Array.from({ length: 20 }, (_, n) => `${n}`.repeat(60)) })
  assert.equal((heard[0] as { tags?: unknown }).tags, null)
})

test('nothing is told where nobody listens: of each change it is asked once', async (t) => {
  const told: NewsMessage[] = []
  const news: NewsPort = { ...createLocalNews(), publish: (message) => void told.push(message) }
  const { engine } = await startTenant(t, news)
  const { task } = await engine.submit(TASK)
  const [leased] = await engine.claim(CLAIM)
  await engine.settle([{ taskId: task.id, token: leased?.lease.token ?? 0, outcome: 'succeeded' }])
  assert.deepEqual(told, [])
})

test('the ends of tasks are listened for while somebody waits, and half a minute longer', async (t) => {
  const news = createLocalNews()
  const { engine, clock } = await startTenant(t, news)
  const { task } = await engine.submit(TASK)
  const wait = engine.wait(task.id, 5)
  assert.deepEqual([news.isHeard('succeeded'), news.isHeard('running')], [true, false])
  await clock.advance(5000)
  await wait
  await clock.advance(20_000)
  assert.equal(news.isHeard('succeeded'), true)
  await clock.advance(11_000)
  assert.equal(news.isHeard('succeeded'), false)
})
