import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SimulatedClock } from '@taskyard/conformance'
import { type EnqueueOutcome, type JsonText, LIMITS, type OpenedStore } from '@taskyard/core'
import type { Engine, Submission } from '../src/index.ts'
import { claimOf, PAYLOAD, startEngine } from './scene.ts'

test('submissions that arrive together share one store call', async (t) => {
  let calls = 0
  const counting = (store: OpenedStore): OpenedStore => ({
    ...store,
    tasks: {
      ...store.tasks,
      enqueue(params) {
        calls += 1
        return store.tasks.enqueue(params)
      },
    },
  })
  const { engine } = await startEngine(t, {}, counting)
  const submitted = await Promise.all(
    Array.from({ length: 100 }, () => engine.submit({ type: 'test', payload: PAYLOAD })),
  )
  assert.equal(new Set(submitted.map(({ task }) => task.id)).size, 100)
  assert.ok(calls <= 4, `${calls} calls`)
})

test('a submission on which the store chokes fails alone', async (t) => {
  const choking = (store: OpenedStore): OpenedStore => ({
    ...store,
    tasks: {
      ...store.tasks,
      async enqueue(params) {
        if (params.submissions.some(({ tasks }) => tasks.some(({ type }) => type === 'bad'))) throw new Error('choked')
        return store.tasks.enqueue(params)
      },
    },
  })
  const { engine } = await startEngine(t, {}, choking)
  const good = Array.from({ length: 40 }, () => engine.submit({ type: 'test', payload: PAYLOAD }))
  const bad = assert.rejects(engine.submit({ type: 'bad', payload: PAYLOAD }), /choked/)
  good.push(engine.submit({ type: 'test', payload: PAYLOAD }))
  assert.equal(new Set((await Promise.all(good)).map(({ task }) => task.id)).size, 41)
  await bad
})

test('large submissions that arrive together are shared out over several calls', async (t) => {
  const sizes: number[] = []
  const weighing = (store: OpenedStore): OpenedStore => ({
    ...store,
    tasks: {
      ...store.tasks,
      enqueue(params) {
        sizes.push(params.submissions.reduce((sum, { tasks }) => sum + (tasks[0]?.payload.length ?? 0), 0))
        return store.tasks.enqueue(params)
      },
    },
  })
  const { engine } = await startEngine(t, {}, weighing)
  const payload = `"${'x'.repeat(1_000_000)}"` as JsonText
  await Promise.all(Array.from({ length: 40 }, () => engine.submit({ type: 'test', payload })))
  assert.ok(Math.max(...sizes) <= 4 * 1024 * 1024, `${Math.max(...sizes)} bytes in one call`)
})

test('a repeated batch is answered without its tasks being read', async (t) => {
  const finds: number[] = []
  const counting = (store: OpenedStore): OpenedStore => ({
    ...store,
    reads: {
      ...store.reads,
      find(params) {
        finds.push(params.taskIds.length)
        return store.reads.find(params)
      },
    },
  })
  const { engine } = await startEngine(t, {}, counting)
  const batch = Array.from({ length: 50 }, (_, i) => ({ type: 'test', payload: PAYLOAD, idempotencyKey: `k${i}` }))
  const first = await engine.submitMany(batch)
  await engine.claim(claimOf('worker-1'))
  const again = await engine.submitMany(batch)
  assert.deepEqual(
    again.map(({ id, status, replayed }) => [id, status, replayed]),
    first.map(({ id }, i) => [id, i === 0 ? 'running' : 'queued', true]),
  )
  assert.deepEqual(finds, [])
})

test('submissions that arrive together share out their keys over several calls', async (t) => {
  const keys: number[] = []
  const held = new Set(['held'])
  const counting = (store: OpenedStore): OpenedStore => ({
    ...store,
    tasks: {
      ...store.tasks,
      enqueue(params) {
        if (params.submissions.length > 1) keys.push(params.submissions.flatMap(({ tasks }) => tasks).length)
        return holding(held)(store).tasks.enqueue(params)
      },
    },
  })
  const { engine, clock } = await startEngine(t, {}, counting)
  const keyed = (idempotencyKey: string) => ({ type: 'test', payload: PAYLOAD, idempotencyKey })
  const singles = Array.from({ length: 1000 }, (_, n) => engine.submit(keyed(`single-${n}`)))
  const batches = Array.from({ length: 20 }, (_, n) =>
    engine.submitMany([keyed('held'), ...Array.from({ length: 99 }, (_, i) => keyed(`batch-${n}-${i}`))]),
  )
  await Promise.all(singles)
  await clock.advance(3000)
  held.clear()
  await passing(clock, Promise.all(batches))
  assert.ok(Math.max(...keys) <= 400, `${Math.max(...keys)} keys in one call`)
})

test('a submission without a key does not wait for those with one', async (t) => {
  const turn = Promise.withResolvers<void>()
  const slow = (store: OpenedStore): OpenedStore => ({
    ...store,
    tasks: {
      ...store.tasks,
      async enqueue(params) {
        const hasKeys = params.submissions.some(({ tasks }) => tasks.some(({ idempotency }) => idempotency !== null))
        if (hasKeys) await turn.promise
        return store.tasks.enqueue(params)
      },
    },
  })
  const { engine } = await startEngine(t, {}, slow)
  const keyed = Array.from({ length: 100 }, (_, n) =>
    engine.submit({ type: 'test', payload: PAYLOAD, idempotencyKey: `k${n}` }),
  )
  const plain = Array.from({ length: 100 }, () => engine.submit({ type: 'test', payload: PAYLOAD }))
  assert.equal((await Promise.all(plain)).length, 100)
  turn.resolve()
  await Promise.all(keyed)
})

test('one conflicting submission among many is refused alone', async (t) => {
  const { engine } = await startEngine(t)
  await engine.submit({ type: 'test', payload: PAYLOAD, idempotencyKey: 'k' })
  const others = Array.from({ length: 5 }, () => engine.submit({ type: 'test', payload: PAYLOAD }))
  const conflict = engine.submit({ type: 'other', payload: PAYLOAD, idempotencyKey: 'k' })
  await assert.rejects(conflict, { code: 'idempotency_conflict', status: 422 })
  assert.equal((await Promise.all(others)).length, 5)
})

test('a submission for which the store finds no room is refused alone, and told what to do', async (t) => {
  const reason = 'out of shared memory; raise max_locks_per_transaction'
  const { engine, store } = await startEngine(t, {}, (store) => ({
    ...store,
    tasks: {
      ...store.tasks,
      async enqueue({ submissions, ...params }) {
        const [, ...others] = submissions
        return [{ kind: 'no-room', reason }, ...(await store.tasks.enqueue({ submissions: others, ...params }))]
      },
    },
  }))
  const [refused, ...others] = Array.from({ length: 3 }, () => engine.submit({ type: 'test', payload: PAYLOAD }))
  await assert.rejects(refused as Promise<unknown>, {
    code: 'store_unavailable',
    status: 503,
    retryable: true,
    message: `The store cannot serve: ${reason}`,
  })
  await Promise.all(others)
  assert.equal((await store.reads.counts({ namespace: 'default', queue: null }))[0]?.counts.queued, 2)
})

/** A store in which transactions hold the idempotency keys `held`. */
function holding(held: ReadonlySet<string>) {
  return (store: OpenedStore): OpenedStore => ({
    ...store,
    tasks: {
      ...store.tasks,
      async enqueue({ submissions, ...params }) {
        const keyOf = ({ tasks }: (typeof submissions)[number]) =>
          tasks.find(({ idempotency }) => held.has(idempotency?.key ?? ''))?.idempotency?.key
        const free = submissions.filter((submission) => keyOf(submission) === undefined)
        const outcomes = [...(await store.tasks.enqueue({ submissions: free, ...params }))]
        return submissions.map((submission) => {
          const key = keyOf(submission)
          return key === undefined ? (outcomes.shift() as EnqueueOutcome) : { kind: 'idempotency-key-held', key }
        })
      },
    },
  })
}

test('submissions whose key a transaction holds wait for its end, and nobody for them', async (t) => {
  const held = new Set(['k'])
  const { engine, clock } = await startEngine(t, {}, holding(held))
  const submission: Submission = { type: 'test', payload: PAYLOAD, idempotencyKey: 'k' }
  const waiting = [engine.submit(submission), engine.submit(submission)]
  const batch = engine.submitMany([submission, { type: 'test', payload: PAYLOAD }])
  const others = Array.from({ length: 5 }, (_, n) => engine.submit({ ...submission, idempotencyKey: `other-${n}` }))
  assert.equal((await Promise.all(others)).length, 5)
  await clock.advance(3000)
  await engine.submit({ type: 'test', payload: PAYLOAD })
  held.clear()
  const [[one, two], [first]] = await passing(clock, Promise.all([Promise.all(waiting), batch]))
  assert.deepEqual(new Set([one?.task.id, two?.task.id]), new Set([first?.id]))
  assert.equal([one, two, first].filter((submitted) => submitted?.replayed).length, 2)
})

test('a submission whose key is held for longer than 10 seconds may be sent again', async (t) => {
  const { engine, clock } = await startEngine(t, {}, holding(new Set(['k'])))
  const held = engine.submit({ type: 'test', payload: PAYLOAD, idempotencyKey: 'k' })
  const refused = assert.rejects(held, { code: 'store_unavailable', status: 503, retryable: true, message: /"k"/ })
  await passing(clock, refused)
})

test('a submission whose key is held waits no longer than 10 seconds, calls of any length included', async (t) => {
  let calls = 0
  const counting = (store: OpenedStore): OpenedStore => ({
    ...store,
    tasks: {
      ...store.tasks,
      async enqueue() {
        calls += 1
        await new Promise<void>((resolve) => clock.after(4000, resolve))
        return [{ kind: 'idempotency-key-held', key: 'k' }]
      },
    },
  })
  const { engine, clock } = await startEngine(t, {}, counting)
  const held = engine.submit({ type: 'test', payload: PAYLOAD, idempotencyKey: 'k' })
  await passing(clock, assert.rejects(held, { code: 'store_unavailable' }))
  assert.equal(calls, 4)
})

for (const [what, end] of Object.entries<(engine: Engine, noNewWork: AbortController) => unknown>({
  'is told of the end of new work': (_, noNewWork) => noNewWork.abort(),
  stops: (engine) => engine.stop(),
})) {
  test(`submissions that wait for a held key are refused at once, and definitely, when the engine ${what}`, async (t) => {
    const { engine, store } = await startEngine(t, {}, holding(new Set(['k'])))
    const noNewWork = new AbortController()
    const { signal } = noNewWork
    const submission: Submission = { type: 'test', payload: PAYLOAD, idempotencyKey: 'k' }
    const waiting = [engine.submit(submission, { signal }), engine.submitMany([submission, submission], { signal })]
    // Those whose call is on its way hear of it with their answer.
    const refused = waiting.map((call) => assert.rejects(call, { code: 'shutting_down', status: 503, definite: true }))
    await engine.submit({ type: 'test', payload: PAYLOAD })
    await end(engine, noNewWork)
    await Promise.all(refused)
    assert.equal((await store.reads.counts({ namespace: 'default', queue: null }))[0]?.counts.queued, 1)
  })
}

/** What comes of it, while time passes. */
async function passing<Result>(clock: SimulatedClock, result: Promise<Result>): Promise<Result> {
  let isOver = false
  const over = () => {
    isOver = true
  }
  result.then(over, over)
  while (!isOver) await clock.advance(100)
  return result
}

test('the same key and task answers with the first task', async (t) => {
  const { engine } = await startEngine(t)
  const submission: Submission = { type: 'test', payload: PAYLOAD, idempotencyKey: 'k', tags: ['a'] }
  const first = await engine.submit(submission)
  const again = await engine.submit({ ...submission })
  assert.deepEqual([first.replayed, again.replayed], [false, true])
  assert.equal(again.task.id, first.task.id)
})

const WRONG: readonly (readonly [what: string, submission: Partial<Submission>, path: string])[] = [
  ['a type with a space', { type: 'my type' }, '/type'],
  ['an empty type', { type: '' }, '/type'],
  ['a type that begins with a dot', { type: '.x' }, '/type'],
  ['a queue of 129 letters', { queue: 'q'.repeat(129) }, '/queue'],
  ['a fractional priority', { priority: 1.5 }, '/priority'],
  ['a priority beyond 1000', { priority: 1001 }, '/priority'],
  ['no attempt at all', { maxAttempts: 0 }, '/maxAttempts'],
  ['a negative delay', { delaySeconds: -1 }, '/delaySeconds'],
  ['an infinite delay', { delaySeconds: Number.POSITIVE_INFINITY }, '/delaySeconds'],
  ['a delay of a century', { delaySeconds: 100 * 366 * 86_400 }, '/delaySeconds'],
  ['both delay and time', { delaySeconds: 1, runAt: 1 }, '/runAt'],
  ['a time that is no number', { runAt: Number.NaN }, '/runAt'],
  ['a timeout of nothing', { timeoutSeconds: 0 }, '/timeoutSeconds'],
  ['an empty tag', { tags: [''] }, '/tags/0'],
  ['too many tags', { tags: Array.from({ length: LIMITS.tags + 1 }, (_, i) => `t${i}`) }, '/tags'],
  ['half a character in a tag', { tags: ['a', '\ud800'] }, '/tags/1'],
  ['U+0000 in a tag', { tags: ['a\0b'] }, '/tags/0'],
  ['a tag of 129 characters', { tags: ['😀'.repeat(129)] }, '/tags/0'],
  ['a wait that grows without bound', { backoff: { baseSeconds: 1e300 } }, '/backoff/baseSeconds'],
  ['a time before 1970', { runAt: -1 }, '/runAt'],
  ['a payload whose bytes are over the limit', { payload: `"${'€'.repeat(349_526)}"` as JsonText }, '/payload'],
  ['a key with a space', { idempotencyKey: 'a b' }, '/idempotencyKey'],
  ['an unknown backoff', { backoff: { kind: 'random' as 'fixed' } }, '/backoff/kind'],
  ['a negative backoff', { backoff: { baseSeconds: -1 } }, '/backoff/baseSeconds'],
  ['a payload over the limit', { payload: `"${'x'.repeat(LIMITS.bodyBytes)}"` as JsonText }, '/payload'],
]

for (const [what, wrong, path] of WRONG) {
  test(`${what} is refused with its path`, async (t) => {
    const { engine } = await startEngine(t)
    await assert.rejects(engine.submit({ type: 'test', payload: PAYLOAD, ...wrong }), (error: unknown) => {
      const { code, violations } = error as { code: string; violations: { path: string }[] }
      assert.equal(code, 'invalid_request')
      assert.deepEqual(
        violations.map((violation) => violation.path),
        [path],
      )
      return true
    })
  })
}

const RULES: readonly (readonly [wrong: Partial<Submission>, rule: RegExp])[] = [
  [{ tags: ['\ud800'] }, /half a character/],
  [{ tags: ['\0'] }, /U\+0000/],
  [{ tags: ['x'.repeat(129)] }, /at most 128 characters/],
  [{ tags: Array.from({ length: 21 }, (_, i) => `t${i}`) }, /at most 20 tags/],
  [{ backoff: { baseSeconds: 1e300 } }, /from 0 to 31622400/],
  [{ backoff: { maxSeconds: 1e300 } }, /from 0 to 31622400/],
  [{ timeoutSeconds: 0.0001 }, /from 0\.001 to 604800/],
  [{ runAt: -1 }, /from 1970 on/],
]

for (const [wrong, rule] of RULES) {
  test(`a refusal names the rule that was broken: ${JSON.stringify(wrong).slice(0, 40)}`, async (t) => {
    const { engine } = await startEngine(t)
    await assert.rejects(engine.submit({ type: 'test', payload: PAYLOAD, ...wrong }), {
      code: 'invalid_request',
      message: rule,
    })
  })
}

test("a payload that does not fit its type's schema is refused with the path inside it", async (t) => {
  const { engine } = await startEngine(t, { checkPayload: () => [{ path: '/to/0', message: 'no address' }] })
  const batch = [{ type: 'email', payload: PAYLOAD }]
  await assert.rejects(engine.submitMany(batch), {
    code: 'invalid_payload',
    status: 422,
    violations: [{ path: '/tasks/0/payload/to/0', message: 'no address' }],
  })
})

test('a batch with one bad task stores nothing', async (t) => {
  const { engine } = await startEngine(t)
  await assert.rejects(
    engine.submitMany([
      { type: 'test', payload: PAYLOAD },
      { type: '!', payload: PAYLOAD },
    ]),
  )
  assert.deepEqual(await engine.queues(), [])
})

test('a batch over the limit is refused as too large', async (t) => {
  const { engine } = await startEngine(t)
  const batch = Array.from({ length: 1001 }, () => ({ type: 'test', payload: PAYLOAD }))
  await assert.rejects(engine.submitMany(batch), { code: 'batch_too_large', status: 413 })
})

test('a batch whose payloads together are over the limit is refused', async (t) => {
  const { engine } = await startEngine(t)
  const payload = `"${'x'.repeat(LIMITS.bodyBytes - 2)}"` as JsonText
  const batch = Array.from({ length: 17 }, () => ({ type: 'test', payload }))
  await assert.rejects(engine.submitMany(batch), { code: 'too_large', status: 413 })
  assert.equal((await engine.submitMany(batch.slice(0, 16))).length, 16)
})

test('the limit of a batch is one of bytes', async (t) => {
  const { engine } = await startEngine(t)
  const payload = `"${'€'.repeat(349_524)}"` as JsonText
  const batch = Array.from({ length: 17 }, () => ({ type: 'test', payload }))
  await assert.rejects(engine.submitMany(batch), { code: 'too_large' })
})

test('a full queue refuses with queue_full until workers catch up', async (t) => {
  const { engine } = await startEngine(t, { queueDepth: 1 })
  await engine.submit({ type: 'test', payload: PAYLOAD })
  await assert.rejects(engine.submit({ type: 'test', payload: PAYLOAD }), { code: 'queue_full', status: 429 })
  await engine.claim(claimOf('worker-1'))
  await engine.submit({ type: 'test', payload: PAYLOAD })
})

test('a batch that a queue could never hold is refused as too large, one that waits for room as queue_full', async (t) => {
  const { engine } = await startEngine(t, { queueDepth: 2 })
  const batch = (count: number) => Array.from({ length: count }, () => ({ type: 'test', payload: PAYLOAD }))
  await assert.rejects(engine.submitMany(batch(3)), {
    code: 'batch_too_large',
    retryable: false,
    message: /^Queue default may hold 2 waiting tasks, this batch has 3 for it/,
  })
  await engine.submit({ type: 'test', payload: PAYLOAD })
  await assert.rejects(engine.submitMany(batch(2)), { code: 'queue_full', retryable: true })
  await engine.submitMany([...batch(1), { type: 'test', payload: PAYLOAD, queue: 'other' }])
})

test('a stopping engine takes no new work', async (t) => {
  const { engine } = await startEngine(t)
  await engine.stop()
  await assert.rejects(engine.submit({ type: 'test', payload: PAYLOAD }), { code: 'shutting_down' })
})
