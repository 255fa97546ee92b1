import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SimulatedClock } from '@taskyard/conformance'
import type { EnqueueOutcome, OpenedStore } from '@taskyard/core'
import type { Engine, Submission } from '../src/index.ts'
import { PAYLOAD, startEngine } from './test-bed.ts'

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
