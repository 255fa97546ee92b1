import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createReferenceStore, createSimulatedClock } from '@taskyard/conformance'
import { TaskyardError } from '@taskyard/core'
import { waitForStore } from '../src/server/wait-for-store.ts'

function testBed({ awayMs }: { awayMs: number }) {
  const clock = createSimulatedClock()
  const interruption = new AbortController()
  const waits: string[] = []
  const thereAt = clock.now() + awayMs
  const store = waitForStore({
    clock,
    patience: { seconds: 30, signal: interruption.signal, onWait: (reason) => waits.push(reason) },
    async open() {
      if (clock.now() < thereAt) throw new TaskyardError('store_unavailable', { reason: 'refused' })
      return createReferenceStore(clock)
    },
  })
  store.catch(() => {})
  return { clock, interruption, waits, store }
}

test('a store that comes up during the start is waited for, and that is said once', async () => {
  const { clock, waits, store } = testBed({ awayMs: 12_000 })
  await clock.advance(12_000)
  assert.ok(await store)
  assert.equal(waits.length, 1)
})

test('a store that does not come up fails the start after half a minute', async () => {
  const { clock, store } = testBed({ awayMs: 3_600_000 })
  await clock.advance(31_000)
  await assert.rejects(store, { code: 'store_unavailable' })
})

test('half a minute is as long when the clock is set back', async () => {
  const { clock, store } = testBed({ awayMs: 3_600_000 })
  await clock.advance(1000)
  clock.set(-3_600_000)
  await clock.advance(30_000)
  await assert.rejects(store, { code: 'store_unavailable' })
})

test('a signal ends the wait at once', async () => {
  const { clock, interruption, store } = testBed({ awayMs: 3_600_000 })
  await clock.advance(5000)
  interruption.abort()
  await assert.rejects(store, { code: 'store_unavailable' })
})

test('what waiting cannot mend is not waited for', async () => {
  const clock = createSimulatedClock()
  const waiting = waitForStore({
    clock,
    patience: { seconds: 30, signal: new AbortController().signal, onWait: () => assert.fail('it waits') },
    open: () => Promise.reject(new TaskyardError('unsafe_durability', { reason: 'fsync is off' })),
  })
  await assert.rejects(waiting, { code: 'unsafe_durability' })
})
