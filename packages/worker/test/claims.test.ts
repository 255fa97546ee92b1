import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import { type ClaimRequest, type SettleRequest, type TaskContext, TaskyardError } from '@taskyard/core'
import { startWorker } from '@taskyard/worker'
import { MemoryApi } from './memory-api.ts'
import { ignoreErrors, openTestBed, until, whenAborted } from './test-bed.ts'

test('no more handlers run at once than concurrency says', async (t) => {
  let running = 0
  let most = 0
  const { api } = openTestBed(
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
  const { api, worker } = openTestBed(t, { noop: () => null }, { concurrency: 100 })
  for (let n = 0; n < 20_000; n++) api.add('noop')
  await api.settled(20_000)
  assert.equal(new Set(api.accepted.map(({ taskId }) => taskId)).size, 20_000)
  assert.ok(api.calls.length < 2_000, `${api.calls.length} calls`)
  assert.equal(worker.stats.started, 20_000)
})

test('slow tasks are not hoarded: nothing is leased beyond concurrency', async (t) => {
  const { api, worker } = openTestBed(
    t,
    { wait: (_, { signal }: TaskContext) => whenAborted(signal) },
    { concurrency: 5 },
  )
  for (let n = 0; n < 50; n++) api.add('wait')
  await until(() => worker.stats.running === 5)
  assert.equal(worker.stats.ready, 0)
  assert.equal([...api.tasks.values()].filter(({ state }) => state === 'running').length, 5)
})

test('tasks leased ahead that cannot start for two seconds are given back', async (t) => {
  const clock = createSimulatedClock()
  const started = Promise.withResolvers<void>()
  let quick = 0
  const { api, worker } = openTestBed(
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

const lostAnswer = () => new TaskyardError('connection_failed', { url: 'http://x', reason: 'socket hang up' })

/** Leases by request, as a store does, and loses the answers to the first calls that lease something. */
class ForgetfulApi extends MemoryApi {
  readonly settles: SettleRequest[] = []
  loseClaims = 0
  loseSettles = 0
  readonly #given = new Map<string, ReturnType<MemoryApi['claim']>>()

  override claim(request: ClaimRequest, signal: AbortSignal): ReturnType<MemoryApi['claim']> {
    const id = String(request.requestId)
    const repeated = this.#given.get(id)
    if (repeated !== undefined) this.claims.push(request)
    const given = repeated ?? super.claim(request, signal)
    this.#given.set(id, given)
    return given.then((tasks) => {
      if (tasks.length === 0) this.#given.delete(id)
      if (tasks.length === 0 || this.loseClaims-- <= 0) return tasks
      throw lostAnswer()
    })
  }

  override async settle(request: SettleRequest) {
    this.settles.push(request)
    const { claim } = request
    if (claim === undefined) return super.settle(request)
    const { results } = await super.settle({ outcomes: request.outcomes })
    const repeated = this.#given.get(String(claim.requestId))
    const none = AbortSignal.abort()
    const given = repeated ?? super.claim({ ...claim, waitSeconds: 0 }, none)
    this.#given.set(String(claim.requestId), given)
    const tasks = await given
    if (tasks.length > 0 && this.loseSettles-- > 0) throw lostAnswer()
    return { results: results.map((result) => ({ ...result, status: 'ok', taskStatus: 'succeeded' }) as const), tasks }
  }
}

test('a claim whose answer was lost is repeated under the same id until it is answered, and loses no task', async (t) => {
  const api = new ForgetfulApi()
  api.loseClaims = 3
  const worker = startWorker(api, { noop: () => null }, { ...ignoreErrors, random: () => 0.01 })
  t.after(() => worker.stop({ deadlineSeconds: 0 }))
  for (let n = 0; n < 3; n++) api.add('noop')
  await api.settled(3)
  const [first, ...more] = api.claims.map(({ requestId }) => requestId)
  assert.match(String(first), /^[0-9a-f]+-1$/)
  assert.deepEqual(more.slice(0, 3), [first, first, first])
  await until(() => api.claims.length > 4)
  assert.notEqual(api.claims[4]?.requestId, first)
})

test('the claim of a settle whose answer was lost is repeated with it', async (t) => {
  const api = new ForgetfulApi()
  api.loseSettles = 2
  const worker = startWorker(
    api,
    { noop: () => null },
    { ...ignoreErrors, concurrency: 1, prefetch: 0, random: () => 0.01 },
  )
  t.after(() => worker.stop({ deadlineSeconds: 0 }))
  for (let n = 0; n < 2; n++) api.add('noop')
  await api.settled(2)
  const ids = api.settles.flatMap(({ claim }) => (claim === undefined ? [] : [claim.requestId]))
  assert.equal(ids.length >= 3, true)
  assert.deepEqual(ids.slice(1, 3), [ids[0], ids[0]])
})

test('a worker that stops while a claim is in doubt gives back what that claim gave', async () => {
  const api = new ForgetfulApi()
  api.loseClaims = 1
  const troubled = Promise.withResolvers<void>()
  const onError = () => troubled.resolve()
  const worker = startWorker(api, { noop: () => null }, { onError, clock: createSimulatedClock(), random: () => 1 })
  const id = api.add('noop')
  await troubled.promise
  assert.equal(api.tasks.get(id)?.state, 'running')
  await worker.stop()
  assert.deepEqual(
    api.accepted.map(({ taskId, outcome }) => [taskId, outcome]),
    [[id, 'released']],
  )
})
