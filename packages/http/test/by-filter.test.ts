import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startApi } from './start-api.ts'

test('bulk operations touch what matches and say how many', async (context) => {
  const { post, get, submit } = await startApi(context)
  for (const type of ['a', 'a', 'b']) await submit({ type })
  assert.deepEqual((await post('/api/v1/tasks/cancel', { type: 'a' })).json(), { matched: 2 })
  assert.deepEqual((await post('/api/v1/tasks/retry', { type: 'a', status: 'cancelled' })).json(), { matched: 2 })
  assert.equal((await get('/api/v1/tasks?status=queued')).json().items.length, 3)
})

test('a list takes several statuses, one by one or with commas, and the code of the last error', async (context) => {
  const { post, get, submit } = await startApi(context)
  const [failed, cancelled] = [await submit({ type: 'a' }), await submit({ type: 'b' })]
  await submit({ type: 'c' })
  const claim = { workerId: 'w', queues: ['default'], types: ['a'], limit: 1 }
  const [{ lease }] = (await post('/api/v1/leases', claim)).json().tasks
  const error = { code: 'http 404, "gone"', message: 'Not there' }
  const outcome = { taskId: failed, token: lease.token, outcome: 'failed', error, retryable: false }
  await post('/api/v1/leases/settle', { outcomes: [outcome] })
  await post(`/api/v1/tasks/${cancelled}/cancel`)
  const listed = async (query: string) =>
    (await get(`/api/v1/tasks?${query}`)).json().items.map(({ id }: { id: string }) => id)
  for (const query of [
    'status=failed&status=cancelled',
    'status=failed,cancelled',
    'status=failed,cancelled&status=failed',
  ])
    assert.deepEqual(await listed(query), [cancelled, failed], query)
  assert.deepEqual(await listed(`errorCode=${encodeURIComponent(error.code)}`), [failed])
  assert.deepEqual(await listed('errorCode=http'), [])
  const retry = (body: object) => post('/api/v1/tasks/retry', body).then((answer) => answer.json())
  assert.deepEqual(await retry({ errorCode: error.code, dryRun: true }), { matched: 1 })
  assert.deepEqual(await retry({ status: ['failed', 'cancelled'], dryRun: true }), { matched: 2 })
  assert.deepEqual(await listed('status=queued'), await listed('type=c'))
  assert.deepEqual(await retry({ status: ['failed', 'cancelled'] }), { matched: 2 })
})

test('a task that has ended is deleted, by id or by filter; one that has not is refused', async (context) => {
  const { server, post, get, submit } = await startApi(context)
  const remove = (id: string) => server.inject({ method: 'DELETE', url: `/api/v1/tasks/${id}` })
  const [one, ...others] = await Promise.all(['a', 'b', 'b', 'c'].map((type) => submit({ type })))
  const refused = await remove(one as string)
  assert.deepEqual([refused.statusCode, refused.json().code], [409, 'not_deletable'])
  assert.match(refused.json().detail, /is queued: only tasks that have ended/)
  for (const id of [one, ...others]) await post(`/api/v1/tasks/${id}/cancel`)
  const deleted = await remove(one as string)
  assert.deepEqual([deleted.statusCode, deleted.body], [204, ''])
  assert.deepEqual((await remove(one as string)).json().code, 'task_not_found')
  assert.equal((await get(`/api/v1/tasks/${one}`)).statusCode, 404)
  const matching = (body: object) => post('/api/v1/tasks/delete', body).then((answer) => answer.json())
  assert.deepEqual(await matching({ type: 'b', dryRun: true }), { matched: 2 })
  assert.deepEqual(await matching({ type: 'b', status: ['failed', 'cancelled'] }), { matched: 2 })
  assert.deepEqual(await matching({ status: 'succeeded' }), { matched: 0 })
  assert.deepEqual(
    (await get('/api/v1/tasks')).json().items.map(({ type }: { type: string }) => type),
    ['c'],
  )
  const wrong = await matching({ status: ['cancelled', 'running'] })
  assert.deepEqual([wrong.code, wrong.errors[0].path], ['invalid_request', '/status'])
})

test('bulk operations are rate-limited with Retry-After, and only they', async (context) => {
  const { post, get } = await startApi(context, { limits: { bulkPerMinute: 2 } })
  for (let call = 0; call < 2; call++) assert.equal((await post('/api/v1/tasks/cancel', { type: 'a' })).statusCode, 200)
  const refused = await post('/api/v1/tasks/cancel', { type: 'a' })
  assert.equal(refused.statusCode, 429)
  assert.equal(refused.json().code, 'rate_limited')
  assert.ok(Number(refused.headers['retry-after']) > 0)
  assert.equal((await post('/api/v1/tasks', { type: 't', payload: 1 })).statusCode, 202)
  assert.equal((await get('/api/v1/tasks')).statusCode, 200)
})

test('an operation by filter that takes long is answered in parts', async (context) => {
  const { submit, post } = await startApi(context, { limits: { bulkSeconds: 0 } })
  for (let i = 0; i < 3; i++) await submit({ type: 'a' })
  const first = await post('/api/v1/tasks/cancel', { type: 'a' })
  assert.equal(first.statusCode, 202)
  assert.equal(first.json().done, false)
  let matched = 0
  for (let part = first; ; ) {
    matched += part.json().matched
    if (part.statusCode === 200) break
    part = await post('/api/v1/tasks/cancel', { type: 'a', cursor: part.json().cursor })
  }
  assert.equal(matched, 3)
})

test('a cursor without a filter is refused', async (context) => {
  const { post } = await startApi(context)
  assert.equal((await post('/api/v1/tasks/cancel', { cursor: 'x' })).statusCode, 400)
})
