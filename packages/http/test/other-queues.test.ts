// What users of other task queues send is taken, or answered with the name that it has here.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startApi } from './start-api.ts'

const TASK = { type: 'email', payload: {} }

const SUBMISSIONS: readonly (readonly [of: string, body: object, answer: string])[] = [
  ['BullMQ', { name: 'email', data: {} }, '/name is not a known field: did you mean type?'],
  ['BullMQ', { type: 'email', data: {} }, '/data is not a known field: did you mean payload?'],
  [
    'BullMQ',
    { ...TASK, opts: { attempts: 3 } },
    '/opts is not a known field: its fields stand by themselves, beside payload',
  ],
  [
    'BullMQ',
    { ...TASK, attempts: 3 },
    '/attempts is not a known field: did you mean maxAttempts (the first one counts)?',
  ],
  ['BullMQ', { ...TASK, delay: 5000 }, '/delay is not a known field: did you mean delaySeconds (in seconds)?'],
  ['BullMQ', { ...TASK, jobId: 'a' }, '/jobId is not a known field: did you mean Idempotency-Key (a header)?'],
  ['Celery', { task: 'email', args: [1] }, '/task is not a known field: did you mean type?'],
  ['Celery', { type: 'email', args: [1] }, '/args is not a known field: did you mean payload?'],
  ['Celery', { type: 'email', kwargs: {} }, '/kwargs is not a known field: did you mean payload?'],
  ['Celery', { ...TASK, countdown: 5 }, '/countdown is not a known field: did you mean delaySeconds (in seconds)?'],
  ['Celery', { ...TASK, eta: '2030-01-01' }, '/eta is not a known field: did you mean runAt (a time in RFC 3339)?'],
  ['Celery', { ...TASK, routing_key: 'mail' }, '/routing_key is not a known field: did you mean queue?'],
  ['pg-boss', { ...TASK, startAfter: 5 }, '/startAfter is not a known field: did you mean runAt (a time in RFC 3339)?'],
  [
    'pg-boss',
    { ...TASK, retryLimit: 5 },
    '/retryLimit is not a known field: did you mean maxAttempts (the first one counts)?',
  ],
  ['pg-boss', { ...TASK, retryDelay: 5 }, '/retryDelay is not a known field: did you mean backoff?'],
  [
    'pg-boss',
    { ...TASK, expireInSeconds: 5 },
    '/expireInSeconds is not a known field: did you mean timeoutSeconds (in seconds)?',
  ],
  ['Python', { ...TASK, delay_seconds: 5 }, '/delay_seconds is not a known field: did you mean delaySeconds?'],
  [
    'the library',
    { ...TASK, idempotencyKey: 'a' },
    '/idempotencyKey is not a known field: did you mean Idempotency-Key (a header)?',
  ],
  ['nobody', { ...TASK, frobnicate: 1 }, '/frobnicate is not a known field'],
  ['nobody', { type: 'email' }, '/payload is required'],
  ['cron', { ...TASK, runAt: 1_900_000_000 }, '/runAt must be a time in RFC 3339, such as 2030-01-31T12:00:00Z'],
  [
    'anybody',
    { ...TASK, type: 'send mail' },
    '/type must be a name: a type has 1 to 128 letters, digits and . _ : -, starting with a letter or digit',
  ],
]

test('a submission in the words of another queue is answered with what to send', async (context) => {
  const { post } = await startApi(context)
  for (const [of, body, answer] of SUBMISSIONS) {
    await context.test(`${of}: ${JSON.stringify(body)}`, async () => {
      const response = await post('/api/v1/tasks', body)
      assert.equal(response.json().detail, answer)
      assert.equal(response.statusCode, 400)
    })
  }
})

test('a batch says the same of each of its tasks', async (context) => {
  const { post } = await startApi(context)
  const { detail } = (await post('/api/v1/tasks/batch', { tasks: [TASK, { ...TASK, jobId: 'a' }] })).json()
  assert.equal(detail, '/tasks/1/jobId is not a known field: did you mean idempotencyKey?')
})

test('a claim and its settlement say it of theirs', async (context) => {
  const { post } = await startApi(context)
  const claim = await post('/api/v1/leases', { worker: 'w', queue: 'default', limit: 1 })
  assert.equal(claim.json().detail, '/worker is not a known field: did you mean workerId?')
  const settle = await post('/api/v1/leases/settle', { outcomes: [{ taskId: 'x', token: 1, status: 'failed' }] })
  assert.equal(settle.json().detail, '/outcomes/0/status is not a known field: did you mean outcome?')
})

test('a claim beside outcomes may say that it does not wait', async (context) => {
  const { post } = await startApi(context)
  const claim = { workerId: 'w', queues: ['default'], limit: 1 }
  const settle = (waitSeconds: number) =>
    post('/api/v1/leases/settle', { outcomes: [], claim: { ...claim, waitSeconds } })
  assert.equal((await settle(0)).statusCode, 200)
  assert.equal((await settle(5)).statusCode, 400)
})

test('the code of an error may be left out', async (context) => {
  const { post, get, submit, claim } = await startApi(context)
  const id = await submit({ type: 't' })
  const { lease } = await claim()
  const outcome = {
    taskId: id,
    token: lease.token,
    outcome: 'failed',
    error: { message: 'no paper' },
    retryable: false,
  }
  assert.deepEqual((await post('/api/v1/leases/settle', { outcomes: [outcome] })).json().results[0].status, 'ok')
  assert.deepEqual((await get(`/api/v1/tasks/${id}`)).json().error, { code: 'error', message: 'no paper' })
})

test('a path whose id is empty says so', async (context) => {
  const { get } = await startApi(context)
  for (const path of ['/api/v1/tasks/', '/api/v1/tasks//events', '/tasks/']) {
    const response = await get(path)
    assert.equal(response.statusCode, 400)
    assert.equal(response.json().detail, '/id is empty in the path')
  }
  assert.equal((await get('/api/v1/queues/')).json().detail, '/queue is empty in the path')
})
