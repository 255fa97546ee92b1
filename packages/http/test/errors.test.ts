import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startApi } from './start-api.ts'

test('an unexpected error is logged whole and told in general terms', async (context) => {
  const checkPayload = () => {
    throw new Error('the secret of line 42')
  }
  const { post, logged } = await startApi(context, { engine: { checkPayload } })
  const response = await post('/api/v1/tasks?a=b', { type: 't', payload: 1 })
  assert.equal(response.statusCode, 500)
  const problem = response.json()
  assert.equal(problem.code, 'internal')
  assert.equal(problem.definite, false)
  assert.equal(problem.instance, '/api/v1/tasks')
  assert.doesNotMatch(response.body, /secret|\.ts/)
  assert.match(String(logged.map(({ details }) => (details as { err: Error }).err)), /secret/)
})

test('a full queue is 429 with Retry-After, retryable', async (context) => {
  const { post } = await startApi(context, { engine: { queueDepth: 1 } })
  await post('/api/v1/tasks', { type: 't', payload: 1 })
  const response = await post('/api/v1/tasks', { type: 't', payload: 1 })
  assert.equal(response.statusCode, 429)
  assert.equal(response.json().code, 'queue_full')
  assert.equal(response.json().retryable, true)
  assert.ok(Number(response.headers['retry-after']) > 0)
})

test('an engine that has stopped refuses submissions with 503', async (context) => {
  const { post, engine } = await startApi(context)
  await engine.stop()
  const response = await post('/api/v1/tasks', { type: 't', payload: 1 })
  assert.equal(response.statusCode, 503)
  assert.equal(response.json().code, 'shutting_down')
  assert.ok(Number(response.headers['retry-after']) > 0)
})

test('a method that a path does not take is 405 with Allow', async (context) => {
  const { server } = await startApi(context)
  const response = await server.inject({ method: 'PUT', url: '/api/v1/tasks/x' })
  assert.equal(response.statusCode, 405)
  assert.equal(response.headers['allow'], 'DELETE, GET, HEAD')
})

test('a filter without a field is refused in words', async (context) => {
  const { post } = await startApi(context)
  const { detail } = (await post('/api/v1/tasks/cancel', {})).json()
  assert.equal(detail, 'name at least one of status, type, queue, tag, createdAfter, createdBefore, errorCode')
})
