import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, TaskResultError } from '@taskyard/client'
import { systemClock } from '@taskyard/core/runtime'
import { cut, fakeServer, json } from './fake-server.ts'

const queued = { id: 'x', type: 'email', status: 'queued', error: null }
const succeeded = { ...queued, status: 'succeeded', result: 42 }

test('a wait goes on when a server goes late in a long poll, and comes back', async (t) => {
  let passedMs = 0
  const { url } = await fakeServer(t, (n, _, response) => {
    if (n > 0) return json(response, succeeded)
    passedMs = 29_000
    cut(response)
  })
  const clock = { ...systemClock, monotonic: () => performance.now() + passedMs }
  await using client = new Client({ url, clock, random: () => 0, retrySeconds: 10 })
  assert.equal(await client.result('x'), 42)
})

test('a wait goes on through several restarts, each for as long as calls are repeated', async (t) => {
  let passedMs = 0
  const { url } = await fakeServer(t, (n, { url: path }, response) => {
    if (n > 8) return json(response, succeeded)
    if (!path.includes('waitSeconds')) return json(response, queued)
    passedMs += 8000
    cut(response)
  })
  const clock = { ...systemClock, monotonic: () => performance.now() + passedMs }
  await using client = new Client({ url, clock, random: () => 0, retrySeconds: 10 })
  assert.equal(await client.result('x'), 42)
})

test('submitAndWait names the task whose wait has failed', async (t) => {
  const { url } = await fakeServer(t, (n, _, response) => (n === 0 ? json(response, queued, 202) : cut(response)))
  await using client = new Client({ url, random: () => 0, retrySeconds: 0.2 })
  await assert.rejects(client.submitAndWait('email', null), (error) => {
    assert.ok(error instanceof TaskResultError)
    assert.deepEqual([error.code, error.task.id], ['not_ended', 'x'])
    assert.equal((error.cause as { code?: string }).code, 'connection_failed')
    assert.match(error.message, /^email task x has not ended, it is queued: .* cannot be reached/)
    return true
  })
})

test('a wait whose time is over answers with the task as it was last seen, though the server is away', async (t) => {
  const { url } = await fakeServer(t, (n, _, response) => (n === 0 ? json(response, queued) : cut(response)))
  await using client = new Client({ url, random: () => 0, retrySeconds: 60 })
  assert.equal((await client.wait('x', { timeoutSeconds: 0.5 })).status, 'queued')
})

test('why a task waits is asked for no longer than a moment', async (t) => {
  const { url } = await fakeServer(t, (_n, { url: path }, response) => {
    if (!path.endsWith('/waiting')) json(response, queued)
  })
  await using client = new Client({ url })
  await assert.rejects(client.result('x', { timeoutSeconds: 0 }), {
    code: 'not_ended',
    message: 'email task x has not ended, it is queued',
    waiting: [],
  })
})
