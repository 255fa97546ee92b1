import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openApiDocument } from '../src/index.ts'
import { startApi } from './start-api.ts'
import { NOBODY } from './text-fields.ts'

const TENANT = { 'taskyard-namespace': 'tenant' }
const CLAIM = { workerId: 'w', queues: ['default'], limit: 1 }
const LEASE = { taskId: NOBODY, token: 1 }

/** A body that each operation takes. */
const BODIES: Readonly<Record<string, object>> = {
  submitTask: { type: 't', payload: 1 },
  submitTasks: { tasks: [{ type: 't', payload: 1 }] },
  cancelTasks: { queue: 'nowhere' },
  retryTasks: { queue: 'nowhere' },
  deleteTasks: { queue: 'nowhere' },
  claimTasks: CLAIM,
  heartbeat: { leases: [LEASE] },
  record: { entries: [{ ...LEASE, log: 'line' }] },
  settle: { outcomes: [{ ...LEASE, outcome: 'released' }] },
  declareType: { maxAttempts: 3 },
  declareTypes: { types: [{ type: 't', maxAttempts: 3 }] },
  classicCreateTask: { type: 't' },
}

test('every route but those about the server itself is about the namespace of the request', async (context) => {
  const { server } = await startApi(context)
  const about: string[] = []
  for (const { operationId, method, url } of await operations()) {
    const payload = method === 'POST' || method === 'PUT' ? (BODIES[operationId] ?? {}) : undefined
    const headers = { 'taskyard-namespace': 'a b' }
    const answer = await server.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) })
    if (answer.statusCode === 400 && answer.body.includes('Taskyard-Namespace: a namespace has')) continue
    about.push(operationId)
  }
  assert.deepEqual(about.sort(), ['backup', 'health', 'info', 'livez', 'metrics', 'ready', 'readyz'])
})

test('what is submitted, claimed and settled in a namespace is nothing in another', async (context) => {
  const api = await startApi(context)
  const { id, namespace } = (await api.post('/api/v1/tasks', { type: 't', payload: 1 }, TENANT)).json()
  assert.equal(namespace, 'tenant')
  assert.equal((await api.get(`/api/v1/tasks/${id}`)).statusCode, 404)
  assert.deepEqual((await api.get('/api/v1/tasks')).json().items, [])
  assert.deepEqual((await api.post('/api/v1/leases', CLAIM)).json().tasks, [])
  const [task] = (await api.post('/api/v1/leases', CLAIM, TENANT)).json().tasks
  assert.equal(task.id, id)
  const leasesOf = async (headers = {}) =>
    (await api.get('/api/v1/workers', headers)).json().workers.map(({ leases }: { leases: number }) => leases)
  assert.deepEqual(await leasesOf(), [0])
  assert.deepEqual(await leasesOf(TENANT), [1])
  assert.equal((await api.get(`/api/v1/tasks/${id}/waiting`)).statusCode, 404)
  assert.equal((await api.get(`/api/v1/tasks/${id}/waiting`, TENANT)).json().reasons[0].code, 'running')
  const outcomes = [{ taskId: id, token: task.lease.token, outcome: 'succeeded' }]
  const settle = async (headers = {}) => (await api.post('/api/v1/leases/settle', { outcomes }, headers)).json()
  assert.equal((await settle()).results[0].status, 'lost')
  assert.equal((await settle(TENANT)).results[0].status, 'ok')
  assert.equal((await api.get(`/api/v1/tasks/${id}`, TENANT)).json().status, 'succeeded')
})

test('a request that names two namespaces is refused', async (context) => {
  const api = await startApi(context)
  const answer = await api.get('/api/v1/tasks', { 'taskyard-namespace': 'tenant, default' })
  assert.equal(answer.statusCode, 400)
})

async function operations() {
  const document = (await openApiDocument()) as { paths: Record<string, Record<string, { operationId: string }>> }
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => ({
      operationId,
      method: method.toUpperCase() as 'GET' | 'POST' | 'PUT',
      url: path.replace('{id}', NOBODY).replace(/\{\w+\}/, 'nowhere'),
    })),
  )
}
