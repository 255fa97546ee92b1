import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import { LIMITS, type TaskContext, TaskFailure, type TaskHandlers, TaskyardError } from '@taskyard/core'
import { startWorker, TaskAborted, type WorkerOptions } from '@taskyard/worker'
import { MemoryApi } from './memory-api.ts'

const quiet = { onError: () => {} }

/** A worker on a Taskyard of its own; both are gone after the test. */
function yard(t: { after(fn: () => Promise<void>): void }, handlers: TaskHandlers, options: WorkerOptions = {}) {
  const api = new MemoryApi()
  const worker = startWorker(api, handlers, { ...quiet, ...options })
  t.after(() => worker.stop({ deadlineSeconds: 0 }))
  return { api, worker }
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
  })
}

test('a returned value becomes the result, of plain and of async handlers', async (t) => {
  const { api } = yard(t, { double: (task) => task.payload * 2, later: async (task) => ({ got: task.payload }) })
  const first = api.add('double', 21)
  const second = api.add('later', 'x')
  const outcomes = await api.settled(2)
  assert.deepEqual(
    outcomes.toSorted((a, b) => (a.taskId < b.taskId ? -1 : 1)),
    [
      { taskId: first, token: 1, outcome: 'succeeded', result: 42 },
      { taskId: second, token: 1, outcome: 'succeeded', result: { got: 'x' } },
    ],
  )
})

test('tasks of types without a handler are left to other workers', async (t) => {
  const { api } = yard(t, { known: () => null })
  api.add('unknown')
  api.add('known')
  await api.settled(1)
  assert.deepEqual(api.claims[0]?.types, ['known'])
  assert.equal([...api.tasks.values()][0]?.state, 'queued')
})

test('a TaskFailure says code, retryable and the wait', async (t) => {
  const { api } = yard(t, {
    fail: () => {
      throw new TaskFailure('no such mailbox', { code: 'mailbox_unknown', retryable: false, retryDelaySeconds: 7 })
    },
  })
  api.add('fail')
  const [outcome] = await api.settled(1)
  assert.equal(outcome?.error?.code, 'mailbox_unknown')
  assert.equal(outcome?.error?.message, 'no such mailbox')
  assert.equal(outcome?.retryable, false)
  assert.equal(outcome?.retryDelaySeconds, 7)
})

for (const [wish, sent] of [
  [Number.NaN, undefined],
  [-1, undefined],
  [0, 0],
  [Number.POSITIVE_INFINITY, LIMITS.delaySeconds],
] as const) {
  test(`a wished wait of ${wish} s is sent as ${sent}`, async (t) => {
    const { api } = yard(t, { fail: () => Promise.reject(new TaskFailure('later', { retryDelaySeconds: wish })) })
    api.add('fail')
    const [outcome] = await api.settled(1)
    assert.equal(outcome?.error?.message, 'later')
    assert.equal(outcome?.retryDelaySeconds, sent)
  })
}

for (const [what, thrown, code] of [
  ['an error', new Error('boom'), 'error'],
  ['an error with a word as its code', Object.assign(new Error('boom'), { code: 'ECONNRESET' }), 'ECONNRESET'],
  ['an error with a code that is no word', Object.assign(new Error('boom'), { code: 'a b' }), 'error'],
  ['a string', 'boom', 'error'],
] as const) {
  test(`${what} thrown fails the attempt, to be retried, with code ${code}`, async (t) => {
    const { api } = yard(t, { fail: () => Promise.reject(thrown) })
    api.add('fail')
    const [outcome] = await api.settled(1)
    assert.equal(outcome?.outcome, 'failed')
    assert.equal(outcome?.error?.code, code)
    assert.equal(outcome?.error?.message, 'boom')
    assert.notEqual(outcome?.retryable, false)
  })
}

test('what throws when looked at still fails the attempt', async (t) => {
  const hostile = new Proxy(new Error('x'), {
    get() {
      throw new Error('do not look')
    },
  })
  const { api } = yard(t, { fail: () => Promise.reject(hostile) })
  api.add('fail')
  const [outcome] = await api.settled(1)
  assert.equal(outcome?.outcome, 'failed')
})

for (const [what, make, code] of [
  ['a cycle', () => cycle(), 'result_not_json'],
  ['a BigInt', () => ({ n: 1n }), 'result_not_json'],
  ['a function', () => () => 1, 'result_not_json'],
  ['text over the limit', () => 'x'.repeat(LIMITS.resultBytes - 1), 'result_too_large'],
  ['text over the limit in bytes only', () => 'ü'.repeat(LIMITS.resultBytes / 2), 'result_too_large'],
] as const) {
  test(`a result that is ${what} fails for good with ${code}`, async (t) => {
    const { api } = yard(t, { make })
    api.add('make')
    const [outcome] = await api.settled(1)
    assert.equal(outcome?.outcome, 'failed')
    assert.equal(outcome?.error?.code, code)
    assert.equal(outcome?.retryable, false)
  })
}

test('a result of exactly the limit is kept', async (t) => {
  const { api } = yard(t, { make: () => 'x'.repeat(LIMITS.resultBytes - 2) })
  api.add('make')
  const [outcome] = await api.settled(1)
  assert.equal(outcome?.outcome, 'succeeded')
})

test('no more handlers run at once than concurrency says', async (t) => {
  let running = 0
  let most = 0
  const { api } = yard(
    t,
    {
      busy: async () => {
        most = Math.max(most, ++running)
        await new Promise((resolve) => setImmediate(resolve))
        running--
      },
    },
    { concurrency: 3, prefetch: 20 },
  )
  for (let n = 0; n < 200; n++) api.add('busy')
  await api.settled(200)
  assert.equal(most, 3)
})

test('thousands of fast tasks go in batches: far fewer calls than tasks', async (t) => {
  const { api, worker } = yard(t, { noop: () => null }, { concurrency: 100 })
  for (let n = 0; n < 20_000; n++) api.add('noop')
  await api.settled(20_000)
  assert.equal(new Set(api.accepted.map(({ taskId }) => taskId)).size, 20_000)
  assert.ok(api.calls.length < 2_000, `${api.calls.length} calls`)
  assert.equal(worker.stats.started, 20_000)
})

test('slow tasks are not hoarded: nothing is leased beyond concurrency', async (t) => {
  const { api, worker } = yard(t, { wait: (_, { signal }: TaskContext) => whenAborted(signal) }, { concurrency: 5 })
  for (let n = 0; n < 50; n++) api.add('wait')
  while (worker.stats.running < 5) await once(api.events, 'claim')
  assert.equal(worker.stats.ready, 0)
  assert.equal([...api.tasks.values()].filter(({ state }) => state === 'running').length, 5)
})

test('tasks leased ahead that cannot start for two seconds are given back', async (t) => {
  const clock = createSimulatedClock()
  const started = Promise.withResolvers<void>()
  let quick = 0
  const { api, worker } = yard(
    t,
    {
      quick: () => {
        if (++quick % 20 === 0) void clock.advance(1)
      },
      wait: (_, { signal }) => {
        started.resolve()
        return whenAborted(signal)
      },
    },
    { concurrency: 1, clock },
  )
  for (let n = 0; n < 4000; n++) api.add('quick')
  api.add('wait')
  for (let n = 0; n < 50; n++) api.add('quick')
  await started.promise
  await api.settled(4000)
  assert.ok(worker.stats.ready > 0)
  await clock.advance(2100)
  await api.settled(4001)
  assert.equal(worker.stats.ready, 0)
  assert.equal(worker.stats.running, 1)
  assert.equal(api.accepted.at(-1)?.outcome, 'released')
})

test('a pushed cancel aborts the signal and settles as cancelled, even when the handler returns', async (t) => {
  const started = Promise.withResolvers<void>()
  let reason: unknown
  const { api } = yard(t, {
    wait: async (_, { signal }) => {
      started.resolve()
      await whenAborted(signal).catch((error) => {
        reason = error
      })
      return 'half'
    },
  })
  const id = api.add('wait')
  await started.promise
  api.onCancel(id)
  const [outcome] = await api.settled(1)
  assert.equal(outcome?.outcome, 'cancelled')
  assert.ok(reason instanceof TaskAborted && reason.code === 'cancelled')
})

test('a cancel of a prefetched task ends it before it starts', async (t) => {
  const started: string[] = []
  const { api } = yard(
    t,
    {
      wait: (task, { signal }) => {
        started.push(task.id)
        return whenAborted(signal)
      },
    },
    { concurrency: 1, prefetch: 1 },
  )
  const first = api.add('wait')
  const second = api.add('wait')
  while (api.extendOne({ taskId: second, token: 1 }) !== 'ok') await once(api.events, 'claim')
  api.onCancel(second)
  const [outcome] = await api.settled(1)
  assert.deepEqual([outcome?.taskId, outcome?.outcome], [second, 'cancelled'])
  assert.deepEqual(started, [first])
})

test('a cancel request is heard by heartbeat too', async (t) => {
  const { api } = yard(t, { wait: (_, { signal }) => whenAborted(signal) }, { leaseSeconds: 1 })
  const id = api.add('wait')
  await once(api.events, 'claim')
  const task = api.tasks.get(id)
  assert.ok(task)
  task.cancelRequested = true
  const [outcome] = await api.settled(1)
  assert.equal(outcome?.outcome, 'cancelled')
})

test('an attempt over its time is aborted and fails as timeout, to be retried', async (t) => {
  let code: unknown
  const { api } = yard(t, {
    wait: (_, { signal }) =>
      whenAborted(signal).catch((error) => {
        code = error.code
        throw error
      }),
  })
  api.add('wait', null, { timeoutSeconds: 0.2 })
  const [outcome] = await api.settled(1)
  assert.equal(outcome?.outcome, 'failed')
  assert.equal(outcome?.error?.code, 'timeout')
  assert.equal(outcome?.retryable, true)
  assert.equal(code, 'timeout')
})

test('an earlier deadline behind a later one is met', async (t) => {
  const { api } = yard(t, { wait: (_, { signal }) => whenAborted(signal) })
  api.add('wait', null, { timeoutSeconds: 600 })
  const short = api.add('wait', null, { timeoutSeconds: 0.1 })
  const [outcome] = await api.settled(1)
  assert.equal(outcome?.taskId, short)
})

test('a lost lease aborts the handler and nothing is settled under the dead token', async (t) => {
  const aborted = Promise.withResolvers<TaskContext['heartbeat']>()
  let starts = 0
  const { api, worker } = yard(
    t,
    {
      wait: async (_, context) => {
        if (++starts > 1) return 'second'
        await whenAborted(context.signal).catch(() => aborted.resolve(context.heartbeat))
        return 'first'
      },
    },
    { leaseSeconds: 1 },
  )
  const id = api.add('wait')
  await once(api.events, 'claim')
  api.takeAway(id)
  assert.equal((await aborted.promise).state, 'lost')
  const [outcome] = await api.settled(1)
  assert.equal(outcome?.result, 'second')
  assert.equal(worker.stats.lost, 1)
})

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

test('outcomes survive an outage and the worker claims again after it', async (t) => {
  const release = Promise.withResolvers<void>()
  const started = Promise.withResolvers<void>()
  const { api } = yard(t, {
    wait: () => {
      started.resolve()
      return release.promise
    },
    after: () => 'after',
  })
  const first = api.add('wait')
  await started.promise
  api.outage = new TaskyardError('store_unavailable', { reason: 'test' })
  release.resolve()
  const second = api.add('after')
  for (let tries = 0; tries < 3; tries++) await once(api.events, 'refused settle')
  assert.equal(api.accepted.length, 0)
  api.outage = null
  const outcomes = await api.settled(2)
  assert.deepEqual(new Set(outcomes.map(({ taskId }) => taskId)), new Set([first, second]))
})

test('what was finished or running in an outage of a minute is settled within 2 s of its end, and nothing is aborted', async (t) => {
  const clock = createSimulatedClock()
  const gates = new Map<string, () => void>()
  let started = () => {}
  let aborted = 0
  const { api } = yard(
    t,
    {
      wait: (task, { signal }) => {
        signal.addEventListener('abort', () => aborted++)
        const { promise, resolve } = Promise.withResolvers<void>()
        gates.set(task.id, resolve)
        started()
        return promise
      },
    },
    { clock, random: () => 1 },
  )
  const [finishing, running] = [api.add('wait'), api.add('wait')]
  while (gates.size < 2) {
    await new Promise<void>((resolve) => {
      started = resolve
    })
  }
  api.outage = new TaskyardError('store_unavailable', { reason: 'test' })
  const refused = once(api.events, 'refused settle')
  gates.get(finishing)?.()
  await refused
  await clock.advance(62_500)
  api.outage = null
  await clock.advance(2000)
  assert.equal((await api.settled(1))[0]?.taskId, finishing)
  gates.get(running)?.()
  assert.equal((await api.settled(2))[1]?.outcome, 'succeeded')
  assert.equal(aborted, 0)
})

test('a worker that waited for tasks takes the next one within 2 s of the end of an outage', async (t) => {
  const clock = createSimulatedClock()
  const { api } = yard(t, { noop: () => null }, { clock, random: () => 1 })
  await once(api.events, 'claim')
  api.outage = new TaskyardError('store_unavailable', { reason: 'test' })
  const refused = once(api.events, 'refused claim')
  api.add('noop')
  await refused
  await clock.advance(62_500)
  api.outage = null
  await clock.advance(2000)
  assert.equal((await api.settled(1))[0]?.outcome, 'succeeded')
})

test('answers that make no sense and reports that throw do not end the worker', async (t) => {
  let claims = 0
  let settles = 0
  class Confused extends MemoryApi {
    override async claim(...call: Parameters<MemoryApi['claim']>) {
      return ++claims < 3 ? (undefined as never) : super.claim(...call)
    }
    override async settle(...call: Parameters<MemoryApi['settle']>) {
      return ++settles < 3 ? (null as never) : super.settle(...call)
    }
  }
  const api = new Confused()
  const onError = () => {
    throw new Error('no ear for it')
  }
  t.mock.method(console, 'warn', () => {})
  const worker = startWorker(api, { noop: () => null }, { onError, random: () => 0.01 })
  t.after(() => worker.stop({ deadlineSeconds: 0 }))
  api.add('noop')
  assert.equal((await api.settled(1))[0]?.outcome, 'succeeded')
})

test('one outcome that is refused for good fails with the reason and holds back no other', async (t) => {
  const { api } = yard(t, { echo: (task) => task.payload }, { concurrency: 10 })
  api.refuse = ({ outcomes }) =>
    outcomes.some(({ result }) => result === 'bad') ? new TaskyardError('too_deep', { limit: 64 }) : null
  for (const payload of ['a', 'bad', 'b']) api.add('echo', payload)
  const outcomes = await api.settled(3)
  assert.deepEqual(outcomes.map(({ outcome, error }) => error?.code ?? outcome).toSorted(), [
    'succeeded',
    'succeeded',
    'too_deep',
  ])
})

test('stop gives back what has not started and waits for what runs', async (t) => {
  const release = Promise.withResolvers<string>()
  const started = Promise.withResolvers<void>()
  const { api, worker } = yard(
    t,
    {
      wait: () => {
        started.resolve()
        return release.promise
      },
    },
    { concurrency: 1, prefetch: 2 },
  )
  const ids = [api.add('wait'), api.add('wait'), api.add('wait')]
  await started.promise
  while (worker.stats.ready < 2) await once(api.events, 'claim')
  const stopped = worker.stop()
  const given = await api.settled(2)
  assert.deepEqual(
    new Set(given.map(({ taskId, outcome }) => `${taskId} ${outcome}`)),
    new Set([`${ids[1]} released`, `${ids[2]} released`]),
  )
  release.resolve('done')
  await stopped
  assert.deepEqual(api.accepted.at(-1), { taskId: ids[0], token: 1, outcome: 'succeeded', result: 'done' })
  assert.equal(api.sessions, 0)
})

test('at the drain deadline handlers are aborted with shutting_down and released', async (t) => {
  let code: unknown
  const started = Promise.withResolvers<void>()
  const { api, worker } = yard(t, {
    wait: async (_, { signal }) => {
      started.resolve()
      await whenAborted(signal).catch((error) => {
        code = error.code
      })
    },
  })
  api.add('wait')
  await started.promise
  await worker.stop({ deadlineSeconds: 0.05 })
  assert.equal(code, 'shutting_down')
  assert.deepEqual(
    api.accepted.map(({ outcome }) => outcome),
    ['released'],
  )
})

test('a handler that ignores its signal cannot keep the worker from stopping, nor settle afterwards', async (t) => {
  const release = Promise.withResolvers<void>()
  const started = Promise.withResolvers<void>()
  const { api, worker } = yard(t, {
    wait: () => {
      started.resolve()
      return release.promise
    },
  })
  api.add('wait')
  await started.promise
  await worker.stop({ deadlineSeconds: 0 })
  release.resolve()
  await worker.closed
  assert.deepEqual(
    api.accepted.map(({ outcome }) => outcome),
    ['released'],
  )
})

test('stop is idempotent, and a second call can bring the deadline forward', async (t) => {
  const started = Promise.withResolvers<void>()
  const { api, worker } = yard(t, {
    wait: (_, { signal }) => {
      started.resolve()
      return whenAborted(signal)
    },
  })
  api.add('wait')
  await started.promise
  const slow = worker.stop({ deadlineSeconds: 3600 })
  await Promise.all([slow, worker.stop({ deadlineSeconds: 0 })])
  assert.equal(api.accepted[0]?.outcome, 'released')
})

test('stop ends during an outage and reports what could not be delivered', async () => {
  const api = new MemoryApi()
  const errors: string[] = []
  const release = Promise.withResolvers<void>()
  const started = Promise.withResolvers<void>()
  const wait = () => {
    started.resolve()
    return release.promise
  }
  const worker = startWorker(api, { wait }, { onError: (error, during) => errors.push(`${during}: ${error}`) })
  api.add('wait')
  await started.promise
  api.outage = new TaskyardError('store_unavailable', { reason: 'test' })
  release.resolve()
  await worker.stop()
  assert.ok(errors.some((line) => /1 outcomes could not be delivered/.test(line)))
})

for (const [what, handlers, options] of [
  ['no handler at all', {}, {}],
  ['a type without a handler', { a: () => 1 }, { types: ['b'] }],
  ['an inherited name as a type', { a: () => 1 }, { types: ['constructor'] }],
  ['no concurrency', { a: () => 1 }, { concurrency: 0 }],
  ['a queue with a bad name', { a: () => 1 }, { queues: ['a b'] }],
  ['too long a lease', { a: () => 1 }, { leaseSeconds: 3601 }],
] as const) {
  test(`${what} is refused at the start`, () => {
    assert.throws(() => startWorker(new MemoryApi(), handlers, options), { code: 'invalid_configuration' })
  })
}

function cycle(): unknown {
  const value: { self?: unknown } = {}
  value.self = value
  return value
}
