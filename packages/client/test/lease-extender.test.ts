import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openLeaseExtender } from '../src/lease-extender.ts'
import { fakeServer } from './fake-server.ts'

test('a heartbeat that hangs at its server ends when it is given up', async (t) => {
  const asked = Promise.withResolvers<void>()
  const { url } = await fakeServer(t, () => asked.resolve())
  const extender = openLeaseExtender({ url, headers: {} })
  const giveUp = new AbortController()
  const leases = [{ taskId: '00000000-0000-7000-8000-000000000001', token: 1 }]
  const hung = extender.extend({ leases, leaseMs: 30_000 }, giveUp.signal)
  await asked.promise
  giveUp.abort(new Error('too long'))
  await assert.rejects(hung, { message: 'too long' })
})
