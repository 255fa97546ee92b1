import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Api, startApi } from './start-api.ts'

// The table "Which call is valid in which state" of contracts/protocol.md, column by column.

interface Lease {
  readonly taskId: string
  readonly token: number
}

async function status({ post }: Api, call: string, body: object): Promise<string> {
  const { results } = (await post(`/api/v1/leases/${call}`, body)).json()
  return results[0].status
}

async function expectCalls(api: Api, lease: Lease, expected: { heartbeat: string; record: string; settle: string }) {
  assert.equal(await status(api, 'heartbeat', { leases: [lease] }), expected.heartbeat)
  assert.equal(await status(api, 'record', { entries: [{ ...lease, log: 'x' }] }), expected.record)
  const outcomes = [{ ...lease, outcome: 'succeeded', result: 1 }]
  assert.equal(await status(api, 'settle', { outcomes }), expected.settle)
}

async function leased(api: Api, options: object = {}): Promise<Lease> {
  await api.submit({ type: 't', ...options })
  const { id, lease } = await api.claim()
  return { taskId: id, token: lease.token }
}

const action = async ({ post }: Api, lease: Lease, name: 'cancel' | 'retry') => {
  const response = await post(`/api/v1/tasks/${lease.taskId}/${name}`)
  return response.statusCode === 200 ? response.json().status : response.statusCode
}

test('never leased: every call under a lease is lost, cancel is done at once', async (context) => {
  const api = await startApi(context)
  const lease = { taskId: await api.submit({ type: 't' }), token: 1 }
  await expectCalls(api, lease, { heartbeat: 'lost', record: 'lost', settle: 'lost' })
  assert.equal(await action(api, lease, 'retry'), 409)
  assert.equal(await action(api, lease, 'cancel'), 'cancelled')
})

test('held: every call is ok, retry is not allowed', async (context) => {
  const api = await startApi(context)
  const lease = await leased(api)
  assert.equal(await action(api, lease, 'retry'), 409)
  await expectCalls(api, lease, { heartbeat: 'ok', record: 'ok', settle: 'ok' })
})

test('held and asked to stop: the heartbeat says so, the first settlement counts', async (context) => {
  const api = await startApi(context)
  const lease = await leased(api)
  assert.equal(await action(api, lease, 'cancel'), 'running')
  assert.equal(await action(api, lease, 'cancel'), 'running')
  assert.equal(await action(api, lease, 'retry'), 409)
  await expectCalls(api, lease, { heartbeat: 'cancel', record: 'ok', settle: 'ok' })
})

test('settled by this token: only the same outcome is ok again', async (context) => {
  const api = await startApi(context)
  const lease = await leased(api)
  const outcomes = [{ ...lease, outcome: 'succeeded', result: 1 }]
  assert.equal(await status(api, 'settle', { outcomes }), 'ok')
  await expectCalls(api, lease, { heartbeat: 'lost', record: 'lost', settle: 'ok' })
  assert.equal(await status(api, 'settle', { outcomes: [{ ...lease, outcome: 'cancelled' }] }), 'lost')
  assert.equal(await action(api, lease, 'cancel'), 409)
})

test('settled as failed: a retry is valid', async (context) => {
  const api = await startApi(context)
  const lease = await leased(api)
  const outcomes = [{ ...lease, outcome: 'failed', retryable: false }]
  assert.equal(await status(api, 'settle', { outcomes }), 'ok')
  assert.equal(await action(api, lease, 'retry'), 'queued')
})

test('timed out: every call is lost', async (context) => {
  const api = await startApi(context)
  const lease = await leased(api, { timeoutSeconds: 0.05, maxAttempts: 1 })
  await api.get(`/api/v1/tasks/${lease.taskId}?waitSeconds=20`)
  await expectCalls(api, lease, { heartbeat: 'lost', record: 'lost', settle: 'lost' })
})

test('taken by a later token: every call under the earlier is lost', async (context) => {
  const api = await startApi(context)
  const lease = await leased(api)
  assert.equal(await status(api, 'settle', { outcomes: [{ ...lease, outcome: 'released' }] }), 'ok')
  const { lease: later } = await api.claim('w2')
  assert.ok(later.token > lease.token)
  await expectCalls(api, lease, { heartbeat: 'lost', record: 'lost', settle: 'lost' })
})
