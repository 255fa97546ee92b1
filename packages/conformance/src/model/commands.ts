import assert from 'node:assert/strict'
import type {
  Backoff,
  DeclareTypesParams,
  EnqueueOutcome,
  JsonText,
  NewTask,
  OpenedStore,
  TypeDefaults,
} from '@taskyard/core'
import fc from 'fast-check'
import { cancelled, failed, type Outcome, released, succeeded, workersOf } from '../test-bed.ts'
import { claimAndFollow } from './claim-command.ts'
import {
  extendBoth,
  giveBackBoth,
  nameInOtherNamespace,
  recordBoth,
  settleBoth,
  takeBackBoth,
  WORKERS,
} from './lease-commands.ts'
import { assertSame, assertSameHistory, assertSamePosition, type Model, type ModelLease, type Real } from './model.ts'
import { passBeyondEnds, sweepAndFollow } from './sweep-command.ts'

type StoreCommand = fc.AsyncCommand<Model, Real>

const OUTCOMES: readonly Outcome[] = [
  succeeded('"done"' as JsonText),
  failed(),
  failed({ retryDelayMs: 2_000 }),
  failed({ retryable: false }),
  cancelled,
  released,
]

const NEW_TASK: fc.Arbitrary<Omit<NewTask, 'id'>> = fc.record({
  namespace: fc.constant('default'),
  queue: fc.constantFrom('a', 'b'),
  type: fc.constantFrom('x', 'y'),
  priority: fc.integer({ min: -1, max: 1 }),
  runAt: fc.constant(null),
  delayMs: fc.constantFrom(0, 0, 0, 2_000, 20_000),
  maxAttempts: fc.integer({ min: 1, max: 3 }),
  backoff: fc.constant<Backoff>({ kind: 'exponential', baseSeconds: 4, factor: 2, maxSeconds: 60 }),
  timeoutSeconds: fc.constantFrom(null, null, 4),
  tags: fc.constant([]),
  payload: fc.json({ maxDepth: 1 }).map((text) => text as JsonText),
  idempotency: fc.constantFrom(
    null,
    null,
    null,
    { key: 'k1', fingerprint: 'f1' },
    { key: 'k1', fingerprint: 'f2' },
    { key: 'k2', fingerprint: 'f1' },
  ),
})

const MOST_TYPES = 2
const TYPE_DEFAULTS = fc.constantFrom<TypeDefaults | null>(
  null,
  { maxAttempts: 3 },
  { timeoutSeconds: null, backoff: { kind: 'fixed', baseSeconds: 2 } },
)

const claim = fc
  .record({
    queues: fc.constantFrom(['a'], ['b'], ['a', 'b'], null),
    types: fc.constantFrom(null, null, ['x'], ['y']),
    limit: fc.integer({ min: 1, max: 4 }),
    leaseMs: fc.constantFrom(3_000, 10_000, 60_000),
    worker: fc.constantFrom(...WORKERS).map((workerId) => ({
      workerId,
      nodeId: null,
      session: workerId === 'watched',
    })),
    requestId: fc.constantFrom(null, null, 'r1', 'r2'),
  })
  .map((params) => command('claim', params, (model, real) => claimAndFollow(model, real, params)))
const extend = onLease('extend', fc.constantFrom(1_000, 10_000), extendBoth)
const record = onLease('record', fc.constantFrom('1' as JsonText, '{"a":[]}' as JsonText), recordBoth)
const settle = onLease('settle', fc.constantFrom(...OUTCOMES), settleBoth)
const giveBack = onLease('give back', fc.constantFrom(0, 0, 1), giveBackBoth)
const cancel = onTask('cancel', async (taskIds, model, real) => {
  const [expected, outcomes] = [
    await model.store.tasks.cancel({ namespace: 'default', taskIds }),
    await real.store.tasks.cancel({ namespace: 'default', taskIds }),
  ]
  assert.deepEqual(outcomes, expected)
})
const retry = onTask('retry', async (taskIds, model, real) => {
  const [expected, outcomes] = [
    await model.store.tasks.retry({ namespace: 'default', taskIds }),
    await real.store.tasks.retry({ namespace: 'default', taskIds }),
  ]
  assert.deepEqual(outcomes, expected)
})
const position = onTask('position', async (taskIds, model, { store }) => {
  for (const taskId of taskIds) await assertSamePosition(model, store, taskId)
})
const remove = onTask('delete', async (taskIds, model, real) => {
  const params = { namespace: 'default', taskIds }
  const expected = await model.store.tasks.delete(params)
  assert.deepEqual(await real.store.tasks.delete(params), expected)
  if (expected[0]?.kind !== 'deleted') return
  assert.deepEqual(await real.store.reads.find(params), [null])
  for (const taskId of taskIds) model.shown.delete(taskId)
})
const pause = fc.tuple(fc.constantFrom('a', 'b'), fc.boolean()).map(([queue, paused]) =>
  command('pause', { queue, paused }, async (model, real) => {
    for (const { store } of [model, real]) await store.queues.pause({ namespace: 'default', queue, paused })
  }),
)
const declareTypes = fc
  .array(fc.record({ type: fc.constantFrom('x', 'y', 'z'), defaults: TYPE_DEFAULTS }), { maxLength: 3 })
  .map((types) =>
    command('declare types', types, async (model, real) => {
      const params = { namespace: 'default', types, limit: MOST_TYPES }
      const [expected, found] = await Promise.all([model, real].map(({ store }) => declareAndList(store, params)))
      assert.deepEqual(found, expected)
    }),
  )
const takeBackCrashes = onLease('take back crashes', fc.constant(null), takeBackBoth)
const nameForeign = onLease('name in another namespace', fc.constant(null), nameInOtherNamespace)
const endLeases = fc.constantFrom(...WORKERS).map((workerId) =>
  command('end leases', workerId, async (model, real) => {
    const expected = await model.store.presence.endLeases({ workers: workersOf(workerId) })
    const ended = await real.store.presence.endLeases({ workers: workersOf(workerId) })
    assert.deepEqual(ended.map(statusOfEnded).sort(), expected.map(statusOfEnded).sort())
    if (ended.length > 0) await passBeyondEnds(model)
  }),
)
const advance = fc
  .constantFrom(1, 900, 2_000, 5_000, 11_000)
  .map((ms) => command('advance', ms, (model) => model.clock.advance(ms)))
const sweep = fc.constant(command('sweep', null, sweepAndFollow))
const advanceAndSweep = fc.constantFrom(2_000, 5_000, 11_000).map((ms) =>
  command('advance and sweep', ms, async (model, real) => {
    await model.clock.advance(ms)
    await sweepAndFollow(model, real)
  }),
)
const settleTwice = onLease('settle twice', fc.constantFrom(...OUTCOMES), async (model, real, lease, outcome) => {
  await settleBoth(model, real, lease, outcome)
  await settleBoth(model, real, lease, outcome)
})
const reopen = fc.constant(
  command('reopen', null, async (_model, real) => {
    real.store = await real.reopen()
    await real.store.lifecycle.migrate()
  }),
)

const QUEUE_DEPTH = 3

/** One random call, made on the store and the model; after it they must be the same. */
export function storeCommands(nextId: () => string): fc.Arbitrary<Iterable<StoreCommand>> {
  const { enqueue, enqueueAgain } = enqueueCommands(nextId)
  const frequent = [enqueue, claim, claim, settle, settle, settleTwice, advanceAndSweep, cancel, record]
  const all = [
    ...frequent,
    enqueueAgain,
    extend,
    giveBack,
    retry,
    remove,
    position,
    advance,
    pause,
    declareTypes,
    endLeases,
    takeBackCrashes,
    nameForeign,
    sweep,
    reopen,
  ]
  return fc.commands(all, { maxCommands: 40, size: 'max' })
}

function enqueueCommands(nextId: () => string) {
  const enqueue = fc
    .array(fc.array(NEW_TASK, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 2 })
    .map((batches) =>
      command('enqueue', batches, async (model, real) => {
        // Ids are given out here, not by the arbitrary: a shrunk or repeated case must not use them twice.
        const submissions = batches.map((tasks) => ({ tasks: tasks.map((fields) => ({ id: nextId(), ...fields })) }))
        model.submitted.push(...submissions.flatMap(({ tasks }) => tasks))
        const params = { submissions, queueDepth: QUEUE_DEPTH }
        const [expected, outcomes] = [await model.store.tasks.enqueue(params), await real.store.tasks.enqueue(params)]
        const comparable = (outcome: EnqueueOutcome, index: number) =>
          comparableOutcome(outcome, submissions[index]?.tasks.length ?? 1)
        assert.deepEqual(outcomes.map(comparable), expected.map(comparable))
      }),
    )
  const enqueueAgain = fc.nat(4).map((index) =>
    command('enqueue again', index, async (model, real) => {
      const task = pickRecent(model.submitted, index)
      if (task === undefined) return
      const params = { submissions: [{ tasks: [task] }], queueDepth: QUEUE_DEPTH }
      const [expected, outcomes] = [await model.store.tasks.enqueue(params), await real.store.tasks.enqueue(params)]
      const comparable = (outcome: EnqueueOutcome) => comparableOutcome(outcome, 1)
      assert.deepEqual(outcomes.map(comparable), expected.map(comparable))
    }),
  )
  return { enqueue, enqueueAgain }
}

function onTask(
  name: string,
  run: (taskIds: readonly string[], model: Model, real: Real) => Promise<void>,
): fc.Arbitrary<StoreCommand> {
  return fc.nat(4).map((index) =>
    command(name, index, async (model, real) => {
      const task = pickRecent([...model.state.tasks.keys()], index)
      if (task === undefined) return
      await run([task], model, real)
      await assertSameHistory(model, real, task)
    }),
  )
}

function onLease<Detail>(
  name: string,
  details: fc.Arbitrary<Detail>,
  run: (model: Model, real: Real, lease: ModelLease, detail: Detail) => Promise<void>,
): fc.Arbitrary<StoreCommand> {
  return fc.tuple(fc.nat(4), details).map(([index, detail]) =>
    command(name, [index, detail], async (model, real) => {
      const lease = pickRecent(model.leases, index)
      if (lease === undefined) return
      await run(model, real, lease, detail)
      await assertSameHistory(model, real, lease.taskId)
    }),
  )
}

/** What was declared before, whether it could be changed, and what is declared now. */
async function declareAndList({ taskTypes }: OpenedStore, params: DeclareTypesParams): Promise<readonly unknown[]> {
  return [await taskTypes.listTypes(params), await taskTypes.declareTypes(params), await taskTypes.listTypes(params)]
}

function command(name: string, detail: unknown, act: (model: Model, real: Real) => Promise<void>): StoreCommand {
  return {
    check: () => true,
    async run(model, real) {
      await act(model, real)
      await assertSame(model, real)
    },
    toString: () => (detail === null ? name : `${name} ${fc.stringify(detail)}`),
  }
}

/** One of the newest few, so that what is still going on is met as often as what is over. */
function pickRecent<Item>(items: readonly Item[], index: number): Item | undefined {
  const recent = items.slice(-5)
  return recent[index % Math.max(1, recent.length)]
}

/** Which of its tasks' reasons a refused submission of several tells is the store's choice. */
function comparableOutcome(outcome: EnqueueOutcome, tasks: number): unknown {
  if (outcome.kind !== 'accepted') return tasks === 1 ? outcome : 'refused'
  return outcome.tasks.map(({ id, status, createdAt }) => ({ id, status, createdAt }))
}

function statusOfEnded({ taskId, taskStatus }: { taskId: string; taskStatus: string }): string {
  return `${taskId} ${taskStatus}`
}
