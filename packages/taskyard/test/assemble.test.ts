import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createMetrics } from '@taskyard/http'
import { assemble, openMigratedStore } from '../src/assemble.ts'
import { readConfiguration } from '../src/configuration/read-configuration.ts'
import { settingsOf } from '../src/configuration/settings.ts'
import { settingsOfOptions } from '../src/open-options.ts'
import { IGNORE_INCIDENTS } from './ignore-incidents.ts'

const STORE = 'sqlite:./assembled.db'

async function newStore(t: { after(fn: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'taskyard-assemble-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return `sqlite:${join(folder, 'tasks.db')}`
}

test('a program that opens a store has the defaults of a server', () => {
  const { retention, ...ofServer } = settingsOf(readConfiguration({ TASKYARD_STORE: STORE }))
  const ofLibrary = settingsOfOptions({ store: STORE })
  assert.deepEqual(ofLibrary, { ...ofServer, retention })
})

test('what its options name replaces the defaults, and no more', () => {
  const options = { allowUnsafeDurability: true, queueDepth: 7, cancelGraceSeconds: 3, retention: { failedSeconds: 1 } }
  const { retention, ...settings } = settingsOfOptions({ store: STORE, ...options })
  const defaults = settingsOfOptions({ store: STORE })
  const { allowUnsafeDurability, queueDepth, cancelGraceSeconds } = options
  assert.deepEqual(retention, { ...defaults.retention, failedSeconds: 1 })
  assert.deepEqual(
    { ...settings, retention: null },
    { ...defaults, allowUnsafeDurability, queueDepth, cancelGraceSeconds, retention: null },
  )
})

test('an assembly says what it is made of, and gives its store back when it is closed', async (t) => {
  const store = await newStore(t)
  const settings = settingsOfOptions({ store })
  const { info, close } = await assemble(settings, { incidents: IGNORE_INCIDENTS })
  assert.deepEqual(info.stack, { store: 'sqlite' })
  assert.match(info.durability, /synced/)
  await assert.rejects(openMigratedStore(settings), { code: 'store_locked' })
  await close()
  const again = await openMigratedStore(settings)
  assert.equal(again.from, again.to)
  await again.store.lifecycle.close()
})

test('trouble in the background reaches the log and the metrics', async (t) => {
  const metrics = createMetrics({ monotonicMs: () => performance.now() })
  const failed = Promise.withResolvers<string>()
  const incidents = { failed: failed.resolve, recovered: () => {} }
  const { store, engine, close } = await assemble(settingsOfOptions({ store: await newStore(t) }), {
    metrics,
    incidents,
  })
  t.after(close)
  store.reads.counts = () => Promise.reject(new Error('a bug'))
  await engine.start()
  assert.equal(await failed.promise, 'throughput')
  assert.match(await metrics.registry.metrics(), /taskyard_background_errors_total\{service="throughput"\} 1/)
})
