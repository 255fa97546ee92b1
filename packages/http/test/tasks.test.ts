import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startApi } from './start-api.ts'

test('a submission is answered with 202, the address and the task', async (context) => {
  const { post, get } = await startApi(context)
  const response = await post('/api/v1/tasks', { type: 'email', payload: { to: 'a@b.c' }, queue: 'mail', tags: ['x'] })
  assert.equal(response.statusCode, 202)
  assert.equal(response.headers['content-type'], 'application/json; charset=utf-8')
  const task = response.json()
  assert.equal(response.headers['location'], `/api/v1/tasks/${task.id}`)
  assert.equal(task.status, 'queued')
  assert.deepEqual(task.payload, { to: 'a@b.c' })
  const read = await get(`/api/v1/tasks/${task.id}`)
  assert.deepEqual(read.json(), task)
})

test('every option of a submission reaches the task', async (context) => {
  const { post } = await startApi(context)
  const options = { queue: 'q', priority: -5, maxAttempts: 3, timeoutSeconds: null, tags: ['a', 'b'] }
  const runAt = '2099-01-02T03:04:05.678Z'
  const task = (await post('/api/v1/tasks', { type: 't', payload: 1, runAt, ...options })).json()
  assert.deepEqual({ ...task, ...options, runAt }, task)
  assert.equal(task.status, 'scheduled')
  const delayed = (await post('/api/v1/tasks', { type: 't', payload: 1, delaySeconds: 3600 })).json()
  assert.equal(Date.parse(delayed.runAt) - Date.parse(delayed.createdAt), 3_600_000)
})

test('two names for one thing that do not agree are refused', async (context) => {
  const { post } = await startApi(context)
  const twice = { type: 'a', task_type: 'b', payload: 1 }
  for (const [url, body, path] of [
    ['/api/v1/tasks', twice, '/task_type'],
    ['/api/v1/tasks/batch', { tasks: [{ type: 'a', payload: 1 }, twice] }, '/tasks/1/task_type'],
    ['/tasks', twice, '/task_type'],
    ['/tasks', { type: 'a', data: 1, payload: 2 }, '/payload'],
  ] as const) {
    const response = await post(url, body)
    assert.equal(response.statusCode, 400, `${url} ${response.body}`)
    assert.equal(response.json().errors[0].path, path)
  }
  assert.equal((await post('/api/v1/tasks', { ...twice, task_type: 'a' })).statusCode, 202)
  assert.equal((await post('/tasks', { type: 'a', data: { n: 1 }, payload: { n: 1 } })).statusCode, 202)
})

test('task_type names the type as well', async (context) => {
  const { post } = await startApi(context)
  assert.equal((await post('/api/v1/tasks', { task_type: 'test', payload: {} })).json().type, 'test')
})

test('payloads come back exactly as sent', async (context) => {
  const { post, get } = await startApi(context)
  const texts = [
    '12345678901234567890',
    '1e400',
    '-0',
    '1.0',
    '"\\u0000"',
    '"\\ud800"',
    '{ "a" : [1 , 2] }',
    '"é😀"',
    'null',
  ]
  for (const text of texts) {
    const created = await post('/api/v1/tasks', `{"type":"t","payload": ${text} }`)
    assert.equal(created.statusCode, 202, created.body)
    const read = await get(`/api/v1/tasks/${created.json().id}`)
    assert.ok(read.body.includes(`"payload":${text},`), `${text} in ${read.body}`)
  }
})

test('__proto__ and constructor are data and pollute nothing', async (context) => {
  const { post, get } = await startApi(context)
  const text = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'
  const created = await post('/api/v1/tasks', `{"type":"t","payload":${text}}`)
  assert.equal(created.statusCode, 202)
  const read = await get(`/api/v1/tasks/${created.json().id}`)
  assert.ok(read.body.includes(`"payload":${text},`))
  assert.equal(({} as { polluted?: boolean }).polluted, undefined)
})

test('a batch is stored whole, in order, payloads exact', async (context) => {
  const { post, get } = await startApi(context)
  const response = await post(
    '/api/v1/tasks/batch',
    '{"tasks":[{"type":"a","payload":1e400},{"payload":-0,"task_type":"b"}]}',
  )
  assert.equal(response.statusCode, 202)
  const [first, second] = response.json().tasks
  assert.equal(first.status, 'queued')
  assert.match((await get(`/api/v1/tasks/${first.id}`)).body, /"type":"a".*"payload":1e400,/)
  assert.match((await get(`/api/v1/tasks/${second.id}`)).body, /"type":"b".*"payload":-0,/)
})

test('one bad task refuses the batch and is named', async (context) => {
  const { post, get } = await startApi(context)
  const tasks = [
    { type: 'a', payload: 1 },
    { type: 'a', payload: 1, runAt: '2099-01-01T00:00:00Z', delaySeconds: 5 },
  ]
  const response = await post('/api/v1/tasks/batch', { tasks })
  assert.equal(response.statusCode, 400)
  assert.equal(response.json().errors[0].path, '/tasks/1/runAt')
  assert.deepEqual((await get('/api/v1/tasks')).json().items, [])
})

test('more than 1000 tasks are refused with 413', async (context) => {
  const { post } = await startApi(context)
  const tasks = Array.from({ length: 1001 }, () => ({ type: 'a', payload: 1 }))
  const response = await post('/api/v1/tasks/batch', { tasks })
  assert.equal(response.statusCode, 413)
  assert.equal(response.json().code, 'batch_too_large')
})

test('the same key and body answer with the first task, another body with 422', async (context) => {
  const { post } = await startApi(context)
  const key = { 'idempotency-key': 'order-1' }
  const first = await post('/api/v1/tasks', { type: 't', payload: { a: 1 } }, key)
  const again = await post('/api/v1/tasks', { type: 't', payload: { a: 1 } }, key)
  assert.equal(first.headers['idempotent-replayed'], undefined)
  assert.equal(again.statusCode, 202)
  assert.equal(again.headers['idempotent-replayed'], 'true')
  assert.equal(again.json().id, first.json().id)
  const other = await post('/api/v1/tasks', { type: 't', payload: { a: 2 } }, key)
  assert.equal(other.statusCode, 422)
  assert.equal(other.json().code, 'idempotency_conflict')
})

test('a payload that its type refuses is answered with 422 and the path', async (context) => {
  const checkPayload = () => [{ path: '/to', message: 'is required' }]
  const { post } = await startApi(context, { engine: { checkPayload } })
  const response = await post('/api/v1/tasks', { type: 'email', payload: {} })
  assert.equal(response.statusCode, 422)
  assert.deepEqual(response.json().errors, [{ path: '/payload/to', message: 'is required' }])
})

test('waitSeconds waits for the end of the task', async (context) => {
  const { post, get, submit, claim } = await startApi(context)
  const id = await submit({ type: 't' })
  const waiting = get(`/api/v1/tasks/${id}?waitSeconds=30`)
  const task = await claim()
  await post('/api/v1/leases/settle', {
    outcomes: [{ taskId: id, token: task.lease.token, outcome: 'succeeded', result: { ok: 1 } }],
  })
  const ended = (await waiting).json()
  assert.equal(ended.status, 'succeeded')
  assert.deepEqual(ended.result, { ok: 1 })
})

test('lists are filtered, newest first and paged by cursor', async (context) => {
  const { get, submit } = await startApi(context)
  const ids: string[] = []
  for (const type of ['a', 'b', 'a', 'a']) ids.push(await submit({ type, queue: 'q', tags: [`tag-${type}`] }))
  await submit({ type: 'c', queue: 'other' })
  const all = (await get('/api/v1/tasks?queue=q')).json()
  assert.deepEqual(
    all.items.map((task: { id: string }) => task.id),
    ids.toReversed(),
  )
  const first = (await get('/api/v1/tasks?type=a&status=queued&tag=tag-a&limit=2')).json()
  assert.deepEqual(
    first.items.map((task: { id: string }) => task.id),
    [ids[3], ids[2]],
  )
  const rest = (
    await get(`/api/v1/tasks?type=a&status=queued&tag=tag-a&limit=2&cursor=${encodeURIComponent(first.nextCursor)}`)
  ).json()
  assert.deepEqual(
    rest.items.map((task: { id: string }) => task.id),
    [ids[0]],
  )
  assert.deepEqual((await get('/api/v1/tasks?createdAfter=2099-01-01T00:00:00Z')).json().items, [])
  assert.equal((await get('/api/v1/tasks?createdBefore=2099-01-01T00:00:00%2B01:00')).json().items.length, 5)
})

test('cancel and retry answer with the task, or 409 with the reason', async (context) => {
  const { post, submit } = await startApi(context)
  const id = await submit({ type: 't' })
  const notYet = await post(`/api/v1/tasks/${id}/retry`)
  assert.equal(notYet.statusCode, 409)
  assert.equal(notYet.json().code, 'not_retryable')
  const cancelled = await post(`/api/v1/tasks/${id}/cancel`)
  assert.equal(cancelled.statusCode, 200)
  assert.equal(cancelled.json().status, 'cancelled')
  const again = await post(`/api/v1/tasks/${id}/cancel`)
  assert.equal(again.statusCode, 409)
  assert.equal(again.json().code, 'not_cancellable')
  const retried = await post(`/api/v1/tasks/${id}/retry`)
  assert.equal(retried.json().status, 'queued')
})

test('an unknown task is 404', async (context) => {
  const { get, post } = await startApi(context)
  const id = '01900000-0000-7000-8000-000000000000'
  for (const response of [
    await get(`/api/v1/tasks/${id}`),
    await get(`/api/v1/tasks/${id}?waitSeconds=5`),
    await get(`/api/v1/tasks/${id}/events`),
    await get(`/api/v1/tasks/${id}/events`, { accept: 'text/event-stream' }),
    await post(`/api/v1/tasks/${id}/cancel`),
    await post(`/api/v1/tasks/${id}/retry`),
    await get(`/tasks/${id}`),
  ]) {
    assert.equal(response.statusCode, 404)
    assert.equal(response.json().code, 'task_not_found')
    assert.equal(response.headers['content-type'], 'application/problem+json; charset=utf-8')
  }
})

test('a batch with keys may be sent again: no task is added twice', async (context) => {
  const { post, get } = await startApi(context)
  const tasks = ['a', 'b'].map((idempotencyKey) => ({ type: 't', payload: 1, idempotencyKey }))
  const first = (await post('/api/v1/tasks/batch', { tasks })).json()
  const again = (await post('/api/v1/tasks/batch', { tasks })).json()
  const marked = first.tasks.map((task: object) => ({ ...task, replayed: true }))
  assert.deepEqual(again, { tasks: marked })
  assert.equal((await get('/api/v1/tasks')).json().items.length, 2)
})

test('a batch that uses a key for another task is refused whole', async (context) => {
  const { post, get } = await startApi(context)
  const task = { type: 't', payload: 1 }
  await post('/api/v1/tasks/batch', { tasks: [{ ...task, idempotencyKey: 'a' }] })
  const response = await post('/api/v1/tasks/batch', { tasks: [task, { ...task, payload: 2, idempotencyKey: 'a' }] })
  assert.equal(response.statusCode, 422)
  assert.equal((await get('/api/v1/tasks')).json().items.length, 1)
})
