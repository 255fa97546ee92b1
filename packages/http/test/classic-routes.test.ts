import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startApi } from './start-api.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

// Each test is a documented example of one of the five reference systems.

const email = {
  type: 'email',
  data: {
    subject: 'Test Email',
    recipient: 'penguinmanrrr@gmail.com',
    content: 'This is the contents for the test email',
  },
}

test('004: GET /health says healthy and names the dependency', async (context) => {
  const { get } = await startApi(context)
  const health = (await get('/health')).json()
  assert.equal(health.status, 'healthy')
  assert.equal(health.sqlite, 'connected')
})

test('004: POST /tasks creates an email task', async (context) => {
  const { post } = await startApi(context)
  const response = await post('/tasks', email)
  assert.equal(response.statusCode, 202)
  const { task_id, status, message, ...rest } = response.json()
  assert.match(task_id, UUID)
  assert.equal(status, 'queued')
  assert.equal(message, 'Task created successfully')
  assert.deepEqual(rest, { taskId: task_id, id: task_id })
})

test('004: GET /tasks/{task_id} shows the task with its data', async (context) => {
  const { post, get } = await startApi(context)
  const { task_id } = (await post('/tasks', email)).json()
  const task = (await get(`/tasks/${task_id}`)).json()
  assert.equal(task.id, task_id)
  assert.equal(task.type, 'email')
  assert.equal(task.status, 'queued')
  assert.deepEqual(task.data, email.data)
  assert.ok(!Number.isNaN(Date.parse(task.created_at)))
})

test('004: GET /tasks lists tasks with their count', async (context) => {
  const { post, get, submit, claim } = await startApi(context)
  const done = await submit({ type: 'email' })
  const { lease } = await claim()
  await post('/api/v1/leases/settle', {
    outcomes: [{ taskId: done, token: lease.token, outcome: 'succeeded', result: 'sent' }],
  })
  await post('/tasks', email)
  const { tasks, count } = (await get('/tasks')).json()
  assert.equal(count, 2)
  assert.deepEqual(
    tasks.map(({ type, status, result }: Record<string, unknown>) => ({ type, status, result })),
    [
      { type: 'email', status: 'queued', result: null },
      { type: 'email', status: 'completed', result: 'sent' },
    ],
  )
})

test('004: GET /queue/stats counts waiting and all tasks', async (context) => {
  const { post, get, claim } = await startApi(context)
  for (let n = 0; n < 3; n++) await post('/tasks', email)
  await claim()
  const stats = (await get('/queue/stats')).json()
  assert.equal(stats.queue_length, 2)
  assert.equal(stats.total_tasks, 3)
  assert.equal(stats.processing, 1)
})

test('001: POST /api/v1/tasks takes task_type and payload', async (context) => {
  const { post, get } = await startApi(context)
  const response = await post('/api/v1/tasks', { task_type: 'test', payload: { message: 'Hello' } })
  assert.equal(response.statusCode, 202)
  const task = (await get(`/api/v1/tasks/${response.json().id}`)).json()
  assert.equal(task.type, 'test')
  assert.deepEqual(task.payload, { message: 'Hello' })
})

test('001: GET /api/v1/tasks lists with filters and pages', async (context) => {
  const { post, get } = await startApi(context)
  for (const n of [1, 2, 3]) await post('/api/v1/tasks', { task_type: 'test', payload: { n } })
  const page = (await get('/api/v1/tasks?status=queued&type=test&limit=2')).json()
  assert.equal(page.items.length, 2)
  assert.equal(typeof page.nextCursor, 'string')
})

test('001: POST /api/v1/tasks/{task_id}/cancel cancels', async (context) => {
  const { post } = await startApi(context)
  const { id } = (await post('/api/v1/tasks', { task_type: 'test', payload: {} })).json()
  const response = await post(`/api/v1/tasks/${id}/cancel`)
  assert.equal(response.statusCode, 200)
  assert.equal(response.json().status, 'cancelled')
})

test('001: GET /health and /ready are probes', async (context) => {
  const { get } = await startApi(context)
  assert.equal((await get('/health')).statusCode, 200)
  assert.equal((await get('/ready')).statusCode, 200)
})

test('000: POST /tasks answers with a taskId, GET /tasks/:id with status and result', async (context) => {
  const { post, get, claim } = await startApi(context)
  const { taskId } = (await post('/tasks', { type: 'uppercase', payload: { text: 'hello' } })).json()
  const { lease } = await claim()
  assert.equal((await get(`/tasks/${taskId}`)).json().status, 'processing')
  const outcome = { taskId, token: lease.token, outcome: 'succeeded', result: { text: 'HELLO' } }
  await post('/api/v1/leases/settle', { outcomes: [outcome] })
  const task = (await get(`/tasks/${taskId}`)).json()
  assert.equal(task.status, 'completed')
  assert.deepEqual(task.result, { text: 'HELLO' })
  assert.equal(task.error, null)
})

test('002: POST /tasks/:id/retry retries a failed task by hand', async (context) => {
  const { post, get, claim } = await startApi(context)
  const { id } = (await post('/tasks', { type: 'report', payload: { n: 1 } })).json()
  const { lease } = await claim()
  const error = { code: 'broken', message: 'it broke' }
  await post('/api/v1/leases/settle', {
    outcomes: [{ taskId: id, token: lease.token, outcome: 'failed', error, retryable: false }],
  })
  const failed = (await get(`/tasks/${id}`)).json()
  assert.equal(failed.status, 'failed')
  assert.equal(failed.error, 'it broke')
  const retried = await post(`/tasks/${id}/retry`)
  assert.equal(retried.statusCode, 200)
  assert.equal(retried.json().status, 'queued')
  assert.equal((await get(`/tasks/${id}`)).json().status, 'queued')
})

test('002: GET /tasks and GET /health answer', async (context) => {
  const { get } = await startApi(context)
  assert.deepEqual((await get('/tasks')).json(), { tasks: [], count: 0 })
  assert.equal((await get('/health')).json().status, 'healthy')
})

test('003: a task of any of its types is taken and can be cancelled', async (context) => {
  const { post } = await startApi(context)
  for (const type of ['generate-pdf', 'resize-image', 'compress-video']) {
    const created = await post('/tasks', { type, payload: { url: 'https://example.org/in' } })
    assert.equal(created.statusCode, 202)
    const cancelled = await post(`/tasks/${created.json().id}/cancel`)
    assert.equal(cancelled.json().status, 'cancelled')
    assert.equal((await post(`/tasks/${created.json().id}/cancel`)).statusCode, 409)
  }
})

test('classic data keeps its exact text and defaults to an empty object', async (context) => {
  const { post, get } = await startApi(context)
  const exact = (await post('/tasks', '{"type":"t","data": {"n": 12345678901234567890} }')).json()
  assert.ok((await get(`/tasks/${exact.id}`)).body.includes('"data":{"n": 12345678901234567890},'))
  const empty = (await post('/tasks', { type: 't' })).json()
  assert.deepEqual((await get(`/tasks/${empty.id}`)).json().data, {})
})

test('the list of all tasks is bounded in bytes', async (context) => {
  const { get, submit } = await startApi(context)
  const ids: string[] = []
  for (let i = 0; i < 8; i++) ids.push(await submit({ type: 't', payload: 'x'.repeat(900_000) }))
  const response = await get('/tasks')
  const { tasks, count } = response.json()
  assert.ok(response.body.length < 4_300_000, `${response.body.length} bytes`)
  assert.deepEqual([count, tasks[0].id], [2, ids[7]])
})
