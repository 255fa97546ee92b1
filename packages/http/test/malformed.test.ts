import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MALFORMED, type MalformedRequest } from './malformed-requests.ts'
import { type Api, startApi } from './start-api.ts'

const MAX_HEAP_GROWTH = 64 * 1_048_576

function send({ server }: Api, { method = 'POST', url, body, type, headers }: MalformedRequest) {
  const contentType = body === undefined ? {} : { 'content-type': type ?? 'application/json' }
  return server.inject({
    method: method as 'POST',
    url,
    headers: { ...contentType, ...headers },
    ...(body === undefined ? {} : { payload: body }),
  })
}

test('there are at least a hundred malformed requests', () => {
  assert.ok(MALFORMED.length >= 100, String(MALFORMED.length))
})

test('each malformed request is refused with a problem document', async (context) => {
  const api = await startApi(context, { limits: { bulkPerMinute: 1000 } })
  for (const request of MALFORMED) {
    await context.test(request.name, async () => {
      const response = await send(api, request)
      assert.equal(response.statusCode, request.status, response.body)
      assert.equal(response.headers['content-type'], 'application/problem+json; charset=utf-8')
      const problem = response.json()
      assert.equal(problem.status, request.status)
      assert.equal(problem.type, `https://taskyard.dev/problems/${problem.code}`)
      assert.ok(problem.detail.length > 0 && problem.detail.length < 1000, problem.detail)
      assert.doesNotMatch(response.body, /node_modules|\.ts:\d|at \w+ \(/)
      if (request.path !== undefined) assert.equal(problem.errors?.[0]?.path, request.path, response.body)
      if (request.status === 405) assert.ok(response.headers['allow'])
    })
  }
  assert.deepEqual((await api.get('/api/v1/tasks')).json().items, [])
  assert.deepEqual(api.logged, [])
})

test('a flood of malformed requests leaves memory bounded and the server serving', async (context) => {
  const api = await startApi(context, { limits: { bulkPerMinute: 100_000 } })
  const flood = async () => {
    for (const request of MALFORMED) await send(api, request)
  }
  await flood()
  const before = process.memoryUsage().heapUsed
  for (let round = 0; round < 5; round++) await flood()
  const growth = process.memoryUsage().heapUsed - before
  assert.ok(growth < MAX_HEAP_GROWTH, `the heap grew by ${growth} bytes`)
  assert.equal((await api.post('/api/v1/tasks', { type: 't', payload: 1 })).statusCode, 202)
})
