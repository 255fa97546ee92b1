import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import type { MongoClient } from 'mongodb'
import { watchHeartbeats } from '../src/heartbeat-watch.ts'

// A heartbeat that is never answered needs a connection that breaks in the one moment between two steps of the driver; so
// the driver's events are played here.

const ADDRESS = 'one:27017'

function createTestBed({ failures = 0 } = {}) {
  const clock = createSimulatedClock(0)
  const calls: string[] = []
  const client = Object.assign(new EventEmitter(), {
    async close() {
      calls.push('close')
    },
    async connect() {
      calls.push('connect')
      if (failures-- > 0) throw new Error('still away')
      client.emit('serverDescriptionChanged', { address: ADDRESS, newDescription: { type: 'Standalone' } })
    },
  })
  const stop = watchHeartbeats(client as unknown as MongoClient, clock, () => clock.now())
  return {
    clock,
    calls,
    stop,
    checks: () => client.emit('serverHeartbeatStarted', { connectionId: ADDRESS }),
    fails: () => client.emit('serverHeartbeatFailed', { connectionId: ADDRESS }),
    becomes: (type: string) => client.emit('serverDescriptionChanged', { address: ADDRESS, newDescription: { type } }),
  }
}

test('a heartbeat without an end makes the client connect again', async () => {
  const { clock, calls, checks, becomes } = createTestBed()
  becomes('Unknown')
  checks()
  await clock.advance(3_000)
  assert.deepEqual(calls, ['close', 'connect'])
  await clock.advance(60_000)
  assert.deepEqual(calls, ['close', 'connect'], 'all is well again')
})

test('a server that is away and is being looked for is left to the driver', async () => {
  const { clock, calls, checks, fails, becomes } = createTestBed()
  becomes('Unknown')
  for (let n = 0; n < 20; n++) {
    checks()
    await clock.advance(400)
    fails()
    await clock.advance(100)
  }
  assert.deepEqual(calls, [])
})

test('a slow heartbeat of a server that is known to live harms nobody', async () => {
  const { clock, calls, checks, becomes } = createTestBed()
  becomes('Standalone')
  checks()
  await clock.advance(10_000)
  assert.deepEqual(calls, [])
})

test('connecting again is tried until it works', async () => {
  const { clock, calls, checks, becomes } = createTestBed({ failures: 3 })
  becomes('Unknown')
  checks()
  await clock.advance(30_000)
  assert.deepEqual(calls, ['close', 'connect', 'connect', 'connect', 'connect'])
})

test('nothing is connected after the end', async () => {
  const { clock, calls, stop, checks, becomes } = createTestBed({ failures: 100 })
  becomes('Unknown')
  checks()
  await clock.advance(5_000)
  stop()
  const before = calls.filter((call) => call === 'connect').length
  await clock.advance(60_000)
  assert.equal(calls.filter((call) => call === 'connect').length, before)
})
