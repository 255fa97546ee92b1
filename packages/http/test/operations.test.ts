import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '@taskyard/core/runtime'
import { createMetrics, createOperationsServer } from '../src/index.ts'
import { startApi } from './start-api.ts'

const HOSTS = { loopbackOnly: true, others: [] }

test('the listener for operations is not ready while it drains, and lives', async (t) => {
  const { engine } = await startApi(t)
  const draining = new AbortController()
  const metrics = createMetrics({ monotonicMs: () => performance.now() })
  const info = { version: '9.9.9', stack: { store: 'sqlite' }, durability: 'synced' }
  const options = { engine, info, metrics, clock: systemClock, draining: draining.signal, hosts: HOSTS }
  const server = await createOperationsServer(options)
  t.after(() => server.close())
  const statusOf = async (url: string) => (await server.inject({ url })).statusCode
  assert.equal(await statusOf('/readyz'), 200)
  draining.abort()
  assert.deepEqual([await statusOf('/readyz'), await statusOf('/livez'), await statusOf('/metrics')], [503, 200, 200])
  const elsewhere = await server.inject({ url: '/metrics', headers: { host: 'rebound.evil.example' } })
  assert.equal(elsewhere.statusCode, 403)
  assert.equal((await server.inject({ method: 'POST', url: '/api/v1/tasks', payload: { type: 't' } })).statusCode, 404)
})
