import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Api, startApi } from './start-api.ts'

const OTHER = { 'taskyard-namespace': 'other' }
const BACKOFF = { kind: 'fixed', baseSeconds: 7 }

/** Sends a body as JSON. */
async function put({ server }: Api, type: string, payload: object, headers: Record<string, string> = {}) {
  return server.inject({ method: 'PUT', url: `/api/v1/types/${type}`, payload, headers })
}

const takeAway = ({ server }: Api, type: string) => server.inject({ method: 'DELETE', url: `/api/v1/types/${type}` })

async function submitted({ post }: Api, body: object = {}) {
  const response = await post('/api/v1/tasks', { type: 'email', payload: {}, ...body })
  const { maxAttempts, timeoutSeconds } = response.json()
  return { maxAttempts, timeoutSeconds }
}

test('what is declared for a type is answered, listed and used until it is taken away', async (context) => {
  const api = await startApi(context)
  const declared = { maxAttempts: 5, backoff: BACKOFF, timeoutSeconds: 60 }
  const answer = await put(api, 'email', declared)
  assert.equal(answer.statusCode, 200)
  assert.deepEqual(answer.json(), { type: 'email', ...declared })
  await put(api, 'also', { timeoutSeconds: null })
  assert.deepEqual((await api.get('/api/v1/types')).json(), {
    types: [
      { type: 'also', timeoutSeconds: null },
      { type: 'email', ...declared },
    ],
  })
  assert.deepEqual(await submitted(api), { maxAttempts: 5, timeoutSeconds: 60 })
  assert.deepEqual(await submitted(api, { maxAttempts: 2, timeoutSeconds: null }), {
    maxAttempts: 2,
    timeoutSeconds: null,
  })
  for (let again = 0; again < 2; again++) assert.equal((await takeAway(api, 'email')).statusCode, 204)
  assert.deepEqual(await submitted(api), { maxAttempts: 10, timeoutSeconds: 3600 })
  await takeAway(api, 'also')
  assert.deepEqual((await api.get('/api/v1/types')).json(), { types: [] })
})

test('a declaration of nothing is refused with what there is to declare', async (context) => {
  const api = await startApi(context)
  const message = 'name at least one of maxAttempts, backoff, timeoutSeconds'
  const alone = (await put(api, 'email', {})).json()
  const among = (await api.post('/api/v1/types', { types: [{ type: 'email' }] })).json()
  assert.deepEqual(alone.errors, [{ path: '', message }])
  assert.deepEqual(among.errors, [{ path: '/types/0', message }])
})

test('a declaration replaces the one before whole', async (context) => {
  const api = await startApi(context)
  await put(api, 'email', { maxAttempts: 5, timeoutSeconds: 60 })
  await put(api, 'email', { maxAttempts: 4 })
  assert.deepEqual(await submitted(api), { maxAttempts: 4, timeoutSeconds: 3600 })
})

test('batches and classic routes have the defaults of their types too', async (context) => {
  const api = await startApi(context)
  await put(api, 'email', { maxAttempts: 5 })
  const batch = await api.post('/api/v1/tasks/batch', { tasks: [{ type: 'email', payload: {} }] })
  const classic = await api.post('/tasks', { type: 'email', data: { to: 'ada@example.com' } })
  for (const id of [batch.json().tasks[0].id, classic.json().id]) {
    assert.equal((await api.get(`/api/v1/tasks/${id}`)).json().maxAttempts, 5)
  }
})

test('the backoff of a type is that of its tasks, and one that a submission has is whole', async (context) => {
  const api = await startApi(context)
  await put(api, 'email', { backoff: BACKOFF })
  const ids = [
    await api.submit({ type: 'email' }),
    await api.submit({ type: 'email', backoff: { baseSeconds: 3 } }),
    await api.submit({ type: 'other' }),
  ]
  const tasks = await api.store.reads.find({ namespace: 'default', taskIds: ids })
  const whole = { kind: 'exponential', baseSeconds: 1, factor: 2, maxSeconds: 3600 }
  assert.deepEqual(
    tasks.map((task) => task?.backoff),
    [{ ...whole, ...BACKOFF }, { ...whole, baseSeconds: 3 }, whole],
  )
})

test('a request under a key is a replay although the defaults have changed since', async (context) => {
  const api = await startApi(context)
  const send = () => api.post('/api/v1/tasks', { type: 'email', payload: {} }, { 'idempotency-key': 'k' })
  const first = await send()
  await put(api, 'email', { maxAttempts: 3 })
  const again = await send()
  assert.equal(again.headers['idempotent-replayed'], 'true')
  assert.deepEqual(again.json(), first.json())
})

test('each namespace has types of its own', async (context) => {
  const api = await startApi(context)
  await put(api, 'email', { maxAttempts: 3 }, OTHER)
  assert.deepEqual((await api.get('/api/v1/types')).json(), { types: [] })
  assert.equal((await api.get('/api/v1/types', OTHER)).json().types.length, 1)
  assert.equal((await submitted(api)).maxAttempts, 10)
})

for (const [what, type, body, path] of [
  ['a type that is no name', 'a%20b', { maxAttempts: 1 }, '/type'],
  ['nothing at all', 'email', {}, ''],
  ['no attempt', 'email', { maxAttempts: 0 }, '/maxAttempts'],
  ['half an attempt', 'email', { maxAttempts: 1.5 }, '/maxAttempts'],
  ['a time-out as text', 'email', { timeoutSeconds: '60' }, '/timeoutSeconds'],
  ['an unknown kind of backoff', 'email', { backoff: { kind: 'random' } }, '/backoff/kind'],
  ['an option that a type cannot have', 'email', { queue: 'mail' }, '/queue'],
] as const) {
  test(`a declaration is refused: ${what}`, async (context) => {
    const api = await startApi(context)
    const answer = await put(api, type, body)
    assert.equal(answer.statusCode, 400)
    assert.equal(answer.json().errors[0].path, path)
    assert.deepEqual((await api.get('/api/v1/types')).json(), { types: [] })
  })
}

test('several types are declared in one request, all or none', async (context) => {
  const api = await startApi(context)
  const declare = (types: object[]) => api.post('/api/v1/types', { types })
  const types = [
    { type: 'also', timeoutSeconds: null },
    { type: 'email', maxAttempts: 5, backoff: BACKOFF },
  ]
  const answer = await declare(types)
  assert.deepEqual([answer.statusCode, answer.json()], [200, { types }])
  for (const [wrong, path] of [
    [{ type: 'report', maxAttempts: 0 }, '/types/1/maxAttempts'],
    [{ type: 'report' }, '/types/1'],
    [{ maxAttempts: 1 }, '/types/1'],
  ] as const) {
    const refused = await declare([{ type: 'email', maxAttempts: 1 }, wrong])
    assert.equal(refused.statusCode, 400)
    assert.equal(refused.json().errors[0].path, path, JSON.stringify(refused.json()))
  }
  const many = Array.from({ length: 999 }, (_, n) => ({ type: `type-${n}`, maxAttempts: 1 }))
  assert.equal((await declare(many)).statusCode, 409)
  assert.deepEqual((await api.get('/api/v1/types')).json(), { types })
})

test('a namespace has so many types with defaults, and no more', async (context) => {
  const api = await startApi(context)
  const types = Array.from({ length: 1000 }, (_, n) => ({ type: `type-${n}`, defaults: { maxAttempts: 1 } }))
  await api.engine.declareTypes(types)
  const answer = await put(api, 'email', { maxAttempts: 3 })
  assert.deepEqual([answer.statusCode, answer.json().code], [409, 'too_many_types'])
  assert.equal((await put(api, 'type-0', { maxAttempts: 3 })).statusCode, 200)
})
