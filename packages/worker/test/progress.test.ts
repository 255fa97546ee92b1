import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { LIMITS } from '@taskyard/core'
import { whenAborted, yard } from './scene.ts'

test('progress and logs arrive before the outcome, progress coalesced to the newest', async (t) => {
  const { api } = yard(t, {
    report: (_, { progress, log }) => {
      for (let n = 1; n <= 100; n++) progress({ n })
      log('one')
      log('two')
    },
  })
  api.add('report')
  await api.settled(1)
  assert.deepEqual(
    api.records.map(({ progress, log }) => progress ?? log),
    [{ n: 100 }, 'one', 'two'],
  )
  assert.ok(api.calls.indexOf('record') < api.calls.indexOf('settle'))
})

test('progress is sent while the handler runs', async (t) => {
  const { api } = yard(t, {
    wait: (_, { signal, progress }) => {
      progress(50)
      return whenAborted(signal)
    },
  })
  api.add('wait')
  await once(api.events, 'recorded')
  assert.equal(api.records[0]?.progress, 50)
})

test('oversized progress and log lines are cut with a marker, within the limits', async (t) => {
  const { api } = yard(t, {
    report: (_, { progress, log }) => {
      progress({ text: '"'.repeat(LIMITS.progressBytes) })
      log('ü'.repeat(LIMITS.logBytes))
    },
  })
  api.add('report')
  await api.settled(1)
  const [progress, line] = [api.records[0]?.progress, api.records[1]?.log]
  assert.ok(Buffer.byteLength(JSON.stringify(progress)) <= LIMITS.progressBytes)
  assert.match(String(progress), /\[truncated\]$/)
  assert.ok(Buffer.byteLength(String(line)) <= LIMITS.logBytes)
  assert.match(String(line), /ü… \[truncated\]$/)
})

test('a handler that only logs without end is bounded', async (t) => {
  const { api } = yard(t, {
    chat: (_, { log }) => {
      for (let n = 0; n < 5_000; n++) log(`line ${n}`)
    },
  })
  api.add('chat')
  await api.settled(1)
  assert.equal(api.records.length, LIMITS.recordsPerAttempt)
})
