import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startApi } from './start-api.ts'

test('a claim leases ready tasks with token and end', async (context) => {
  const { post, submit } = await startApi(context)
  const id = await submit({ type: 't', payload: { n: 1 } })
  const response = await post('/api/v1/leases', { workerId: 'w1', queues: ['default'], limit: 10, leaseSeconds: 60 })
  assert.equal(response.statusCode, 200)
  const [task] = response.json().tasks
  assert.equal(task.id, id)
  assert.equal(task.status, 'running')
  assert.equal(task.workerId, 'w1')
  assert.ok(Number.isInteger(task.lease.token))
  const leaseMs = Date.parse(task.lease.expiresAt) - Date.parse(task.startedAt)
  assert.equal(leaseMs, 60_000)
})

test('types narrow a claim', async (context) => {
  const { post, submit } = await startApi(context)
  await submit({ type: 'a' })
  const claim = { workerId: 'w1', queues: ['default'], limit: 10 }
  assert.deepEqual((await post('/api/v1/leases', { ...claim, types: ['b'] })).json().tasks, [])
  assert.equal((await post('/api/v1/leases', { ...claim, types: ['b', 'a'] })).json().tasks.length, 1)
})

test('"*" is every queue, in a claim and beside a settlement', async (context) => {
  const { post, submit } = await startApi(context)
  const ids = [await submit({ type: 't', queue: 'a' }), await submit({ type: 't', queue: 'b' })]
  const claim = { workerId: 'w1', queues: ['*'], limit: 1 }
  const [task] = (await post('/api/v1/leases', claim)).json().tasks
  const outcomes = [{ taskId: task.id, token: task.lease.token, outcome: 'succeeded' }]
  const [next] = (await post('/api/v1/leases/settle', { outcomes, claim })).json().tasks
  assert.deepEqual([task.id, next.id], ids)
  const refused = await post('/api/v1/leases', { ...claim, queues: ['a', '**'] })
  assert.equal(refused.statusCode, 400)
  assert.match(refused.json().detail, /queues\/1/)
})

test('a claim waits for the first task', async (context) => {
  const { post, submit, claim } = await startApi(context)
  const waiting = claim()
  const id = await submit({ type: 't' })
  assert.equal((await waiting).id, id)
  const none = await post('/api/v1/leases', { workerId: 'w1', queues: ['default'], limit: 1, waitSeconds: 0 })
  assert.deepEqual(none.json(), { tasks: [] })
})

test('heartbeat, record and settle answer per lease, in order', async (context) => {
  const { post, get, submit, claim } = await startApi(context)
  const id = await submit({ type: 't' })
  const { lease } = await claim()
  const good = { taskId: id, token: lease.token }
  const stale = { taskId: id, token: lease.token + 1 }
  const statuses = (response: Awaited<ReturnType<typeof post>>) =>
    response.json().results.map((result: { status: string }) => result.status)

  assert.deepEqual(statuses(await post('/api/v1/leases/heartbeat', { leases: [stale, good], leaseSeconds: 30 })), [
    'lost',
    'ok',
  ])
  const entries = [
    { ...good, progress: { percent: 50 }, log: 'half\nway' },
    { ...stale, log: 'x' },
  ]
  assert.deepEqual(statuses(await post('/api/v1/leases/record', { entries })), ['ok', 'lost'])
  assert.deepEqual((await get(`/api/v1/tasks/${id}`)).json().progress, { percent: 50 })
  const outcomes = [
    { ...stale, outcome: 'succeeded' },
    { ...good, outcome: 'succeeded', result: [1] },
  ]
  const settled = await post('/api/v1/leases/settle', { outcomes })
  assert.deepEqual(statuses(settled), ['lost', 'ok'])
  assert.equal(settled.json().tasks, undefined)
})

test('results and progress keep their exact text', async (context) => {
  const { post, get, submit, claim } = await startApi(context)
  for (const text of ['12345678901234567890', '1e400', '-0', '{"__proto__":{"a":[]}}', '"\\u0000"']) {
    const id = await submit({ type: 't' })
    const { lease } = await claim()
    const ref = `"taskId":"${id}","token":${lease.token}`
    await post('/api/v1/leases/record', `{"entries":[{${ref},"progress": ${text}}]}`)
    await post('/api/v1/leases/settle', `{"outcomes":[{"result": ${text} ,${ref},"outcome":"succeeded"}]}`)
    const { body } = await get(`/api/v1/tasks/${id}`)
    assert.ok(body.includes(`"result":${text},`), body)
    assert.ok(body.includes(`"progress":${text},`), body)
  }
})

test('settle leases the next tasks in the same round trip', async (context) => {
  const { post, submit, claim } = await startApi(context)
  const first = await submit({ type: 't' })
  const { lease } = await claim()
  const second = await submit({ type: 't' })
  const response = await post('/api/v1/leases/settle', {
    outcomes: [{ taskId: first, token: lease.token, outcome: 'succeeded' }],
    claim: { workerId: 'w1', queues: ['default'], limit: 5 },
  })
  assert.equal(response.json().results[0].status, 'ok')
  assert.deepEqual(
    response.json().tasks.map((task: { id: string }) => task.id),
    [second],
  )
})

test('a failure carries its error, and retryable: false ends the task', async (context) => {
  const { post, get, submit, claim } = await startApi(context)
  const id = await submit({ type: 't' })
  const { lease } = await claim()
  const error = { code: 'mailbox_unknown', message: 'no such mailbox', stack: 'at x' }
  const outcome = { taskId: id, token: lease.token, outcome: 'failed', error, retryable: false }
  await post('/api/v1/leases/settle', { outcomes: [outcome] })
  const task = (await get(`/api/v1/tasks/${id}`)).json()
  assert.equal(task.status, 'failed')
  assert.deepEqual(task.error, error)
})

test('the answer to an outcome says where the task went, and when its next attempt is due', async (context) => {
  const { post, get, submit, claim } = await startApi(context)
  const fail = async (options: object) => {
    const id = await submit({ type: 't', ...options })
    const { lease } = await claim()
    const outcomes = [{ taskId: id, token: lease.token, outcome: 'failed', retryDelaySeconds: 60 }]
    return { id, outcomes }
  }
  const again = await fail({})
  const [scheduled] = (await post('/api/v1/leases/settle', { outcomes: again.outcomes })).json().results
  const { runAt } = (await get(`/api/v1/tasks/${again.id}`)).json()
  assert.deepEqual(scheduled, { taskId: again.id, status: 'ok', taskStatus: 'scheduled', runAt })

  const last = await fail({ maxAttempts: 1 })
  assert.deepEqual((await post('/api/v1/leases/settle', { outcomes: last.outcomes })).json().results, [
    { taskId: last.id, status: 'ok', taskStatus: 'failed' },
  ])

  const unwanted = await fail({})
  await post(`/api/v1/tasks/${unwanted.id}/cancel`)
  assert.deepEqual((await post('/api/v1/leases/settle', { outcomes: unwanted.outcomes })).json().results, [
    { taskId: unwanted.id, status: 'ok', taskStatus: 'cancelled' },
  ])
})

test('a released task is ready again with its attempt given back', async (context) => {
  const { post, get, submit, claim } = await startApi(context)
  const id = await submit({ type: 't' })
  const { lease } = await claim()
  await post('/api/v1/leases/settle', { outcomes: [{ taskId: id, token: lease.token, outcome: 'released' }] })
  const task = (await get(`/api/v1/tasks/${id}`)).json()
  assert.equal(task.status, 'queued')
  assert.equal(task.attempt, 0)
})

test('a heartbeat hears of a cancel request', async (context) => {
  const { post, submit, claim } = await startApi(context)
  const id = await submit({ type: 't' })
  const { lease } = await claim()
  assert.equal((await post(`/api/v1/tasks/${id}/cancel`)).statusCode, 200)
  const response = await post('/api/v1/leases/heartbeat', { leases: [{ taskId: id, token: lease.token }] })
  assert.deepEqual(response.json().results, [{ taskId: id, status: 'cancel' }])
})

test('a claim, and the claim of a settle, may carry a request id, which is a name', async (context) => {
  const { post } = await startApi(context)
  const claim = { workerId: 'w1', queues: ['default'], limit: 1, requestId: 'start-1' }
  assert.equal((await post('/api/v1/leases', claim)).statusCode, 200)
  assert.equal((await post('/api/v1/leases/settle', { outcomes: [], claim })).statusCode, 200)
  const bad = { ...claim, requestId: 'no name' }
  assert.equal((await post('/api/v1/leases', bad)).statusCode, 400)
  assert.equal((await post('/api/v1/leases/settle', { outcomes: [], claim: bad })).statusCode, 400)
})
