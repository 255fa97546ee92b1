import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import type { CancelRequested, TaskChanged } from '@taskyard/core'
import { readNotification, writeNotifications } from '../src/notifications.ts'
import { CLAIM, newId, newTask, submissions } from './calls.ts'
import { ownSchema } from './own-schema.ts'

const LANE = { namespace: 'default', queue: 'default', type: 'test' }
const changed = (taskId: string): TaskChanged => ({ kind: 'changed', taskId, ...LANE, status: 'failed', tags: [] })
const cancel = (taskId: string, workerId: string): CancelRequested => ({
  kind: 'cancel-requested',
  taskId,
  namespace: 'default',
  workerId,
})

describe('notifications', () => {
  it('say everything, in as many payloads as it takes, each within the bound of the server', () => {
    const lanes = Array.from({ length: 3_000 }, (_, n) => n * 1_000)
    const messages = Array.from({ length: 500 }, (_, n) =>
      n % 2 ? changed(newId()) : cancel(newId(), 'ä'.repeat(128)),
    )
    const payloads = writeNotifications({ from: newId(), lanes, messages })
    for (const payload of payloads) assert.ok(Buffer.byteLength(payload) < 8_000)
    const read = payloads.map((payload) => readNotification(payload) ?? assert.fail(payload))
    assert.deepEqual(
      read.flatMap((news) => news.lanes),
      lanes,
    )
    assert.deepEqual(
      read.flatMap((news) => news.messages),
      messages,
    )
  })

  it('that are little are one', () => {
    assert.equal(writeNotifications({ from: 'a', lanes: [1, 2], messages: [changed(newId())] }).length, 1)
  })

  for (const payload of ['', 'hello', 'null', '7', '[]', '{}', '{"from":7}']) {
    it(`that are something else are none: ${JSON.stringify(payload)}`, () => {
      assert.equal(readNotification(payload), null)
    })
  }

  it('of a version to come are understood as far as they can be', () => {
    const known = changed(newId())
    const messages = [null, 7, { kind: 'future' }, known]
    const payload = { from: 'x', lanes: [null, 'x', 1.5, 3], messages, more: {} }
    assert.deepEqual(readNotification(JSON.stringify(payload)), { from: 'x', lanes: [3], messages })
    assert.deepEqual(readNotification('{"from":"x","lanes":"abc","messages":{}}'), {
      from: 'x',
      lanes: [],
      messages: [],
    })
  })
})

test('a store goes on listening when somebody else notifies', async (t) => {
  const schema = await ownSchema()
  t.after(() => schema.destroy())
  const store = await schema.open()
  const news = store.news
  await store.tasks.enqueue(submissions(newTask()))
  assert.equal((await store.tasks.claim(CLAIM)).length, 1)
  const wanted = newId()
  const heard = new Promise((resolve) =>
    news?.subscribe(
      { of: 'cancel-requests' },
      (message) => 'taskId' in message && message.taskId === wanted && resolve(message),
    ),
  )
  const notify = (payload: string) => schema.query('SELECT pg_notify($1, $2)', [`${schema.schema}:ready`, payload])
  let isOver = false
  const over = heard.then(() => {
    isOver = true
  })
  // It may not listen yet.
  while (!isOver) {
    for (const payload of [
      '',
      'hello',
      'null',
      '{"from":"x","lanes":[999999]}',
      '{"from":"x","messages":[null,{},{"kind":"listening"}]}',
    ])
      await notify(payload)
    await notify(JSON.stringify({ from: 'x', lanes: [], messages: [cancel(wanted, 'worker')] }))
  }
  await over
})
