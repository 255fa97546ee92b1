import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import { LIMITS, TaskyardError } from '@taskyard/core'
import { startWorker } from '@taskyard/worker'
import { MemoryApi } from './memory-api.ts'
import { openTestBed, until, whenAborted } from './test-bed.ts'

test('progress and logs arrive before the outcome, progress coalesced to the newest', async (t) => {
  const { api } = openTestBed(t, {
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
  const { api } = openTestBed(t, {
    wait: (_, { signal, progress }) => {
      progress(50)
      return whenAborted(signal)
    },
  })
  api.add('wait')
  await once(api.events, 'recorded')
  assert.equal(api.records[0]?.progress, 50)
})

test('an oversized log line is cut with a marker, within the limit', async (t) => {
  const { api } = openTestBed(t, { report: (_, { log }) => log('ü'.repeat(LIMITS.logBytes)) })
  api.add('report')
  await api.settled(1)
  const line = String(api.records[0]?.log)
  assert.ok(Buffer.byteLength(line) <= LIMITS.logBytes)
  assert.match(line, /ü… \[truncated\]$/)
})

for (const [what, value, message] of [
  [
    'over the limit',
    'x'.repeat(LIMITS.progressBytes),
    /^\/progress: at most 16384 bytes of JSON, and these are 16386$/,
  ],
  ['of a BigInt', { rows: [1n] }, /^\/progress\/rows\/0: a bigint has no JSON form/],
  ['that JSON would lose', { users: new Map() }, /^\/progress\/users: JSON would lose what a Map holds/],
  ['that is forgotten', undefined, /^\/progress: undefined has no JSON form; say null$/],
  ['too deep', JSON.parse('['.repeat(62) + ']'.repeat(62)), /^\/progress: nests deeper than 61 levels$/],
] as const) {
  test(`a progress ${what} throws invalid_request at once, and nothing is sent`, async (t) => {
    const { api } = openTestBed(t, {
      report: (_, { progress }) => {
        assert.throws(() => progress(value), { name: 'TaskyardError', code: 'invalid_request', message })
        return 'caught'
      },
    })
    api.add('report')
    assert.equal((await api.settled(1))[0]?.result, 'caught')
    assert.equal(api.records.length, 0)
  })
}

test('a handler that only logs without end is bounded', async (t) => {
  const { api } = openTestBed(t, {
    chat: (_, { log }) => {
      for (let n = 0; n < 5_000; n++) log(`line ${n}`)
    },
  })
  api.add('chat')
  await api.settled(1)
  assert.equal(api.records.length, LIMITS.recordsPerAttempt)
})

test('a progress is what it was when it was told', async (t) => {
  const state = { done: 1 }
  const { api } = openTestBed(t, {
    report: (_, { progress }) => {
      progress(state)
      state.done = 2
    },
  })
  api.add('report')
  await api.settled(1)
  assert.deepEqual(api.records[0]?.progress, { done: 1 })
})

test('one record that is refused costs itself alone, and that is said', async (t) => {
  const told: string[] = []
  const onError = (error: unknown) => told.push((error as Error).message)
  const { api } = openTestBed(t, { chat: (task, { log }) => log(task.payload) }, { onError, concurrency: 20 })
  api.refuseRecords = (entries) =>
    entries.some(({ log }) => log === 'line 7') ? new TaskyardError('too_deep', { limit: 64 }) : null
  for (let n = 0; n < 20; n++) api.add('chat', `line ${n}`)
  await api.settled(20)
  assert.deepEqual(
    api.records.map(({ log }) => log).toSorted(),
    Array.from({ length: 20 }, (_, n) => `line ${n}`)
      .filter((line) => line !== 'line 7')
      .toSorted(),
  )
  assert.ok(told.some((message) => /^1 log line or progress was dropped: .*too deep|levels/.test(message)))
})

test('records that a full store does not take hold back no outcome, and what was dropped is said', async (t) => {
  const clock = createSimulatedClock()
  const told: string[] = []
  const onError = (error: unknown) => told.push((error as Error).message)
  const { api } = openTestBed(
    t,
    { chat: (_, { log }) => log('hello') },
    { onError, clock, concurrency: 5, random: () => 1 },
  )
  api.refuseRecords = () => new TaskyardError('store_full', { reason: 'test' })
  for (let n = 0; n < 5; n++) api.add('chat')
  await api.settled(5)
  await clock.advance(2000)
  assert.deepEqual(api.records, [])
  assert.ok(told.some((message) => /^5 log lines and progress values were dropped: .*no space left/.test(message)))
})

for (const [what, refuse] of [
  ['are refused again and again', () => new TaskyardError('store_unavailable', { reason: 'test' })],
  ['fail unexpectedly again and again', () => new TaskyardError('internal', { reason: 'test' })],
] as const) {
  test(`records that ${what} hold back an outcome for 5 s at most, and later ones not at all`, async (t) => {
    const clock = createSimulatedClock()
    const { api } = openTestBed(t, { chat: (_, { log }) => log('hello') }, { clock, random: () => 1 })
    const refused = Promise.withResolvers<void>()
    api.refuseRecords = () => {
      refused.resolve()
      return refuse()
    }
    api.add('chat')
    await refused.promise
    assert.equal(api.accepted.length, 0)
    await clock.advance(5100)
    await api.settled(1)
    api.add('chat')
    await api.settled(2)
  })
}

test('a record call that is never answered holds back an outcome for 5 s at most', async (t) => {
  const asked = Promise.withResolvers<void>()
  class DeafApi extends MemoryApi {
    override record(): ReturnType<MemoryApi['record']> {
      asked.resolve()
      return new Promise(() => {})
    }
  }
  const clock = createSimulatedClock()
  const api = new DeafApi()
  const worker = startWorker(api, { chat: (_, { log }) => log('hello') }, { clock, onError: () => {} })
  t.after(() => worker.stop({ deadlineSeconds: 0 }))
  api.add('chat')
  await asked.promise
  assert.equal(api.accepted.length, 0)
  await clock.advance(5000)
  await api.settled(1)
})

test('an outage of everything loses no record: they go before their outcomes when it ends', async (t) => {
  const clock = createSimulatedClock()
  const { api, worker } = openTestBed(t, { chat: (task, { log }) => log(task.payload) }, { clock, random: () => 1 })
  const refused = once(api.events, 'refused record')
  api.add('chat', 'hello')
  await once(api.events, 'claim')
  api.outage = new TaskyardError('store_unavailable', { reason: 'test' })
  await refused
  await until(() => worker.stats.settling === 1)
  await clock.advance(62_500)
  api.outage = null
  await clock.advance(4000)
  await api.settled(1)
  assert.deepEqual(
    api.records.map(({ log }) => log),
    ['hello'],
  )
})
