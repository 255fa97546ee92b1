import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type OpenedStore,
  type StoreCall,
  type TaskIdsParams,
  TaskyardError,
  toJsonText,
  wrapCalls,
} from '@taskyard/core'
import { claimOf, PAYLOAD, startEngine, type TestBed } from './test-bed.ts'

const TASK = { type: 'test', payload: PAYLOAD }
const NEVER_ABORTED = new AbortController().signal

interface Read {
  readonly call: StoreCall
  readonly taskIds: number
}

/** Notes how the store is read. */
function noting(reads: Read[]): (store: OpenedStore) => OpenedStore {
  return (store) =>
    wrapCalls(store, (call, run) => (params) => {
      if (call === 'find') reads.push({ call, taskIds: (params as TaskIdsParams).taskIds.length })
      if (call === 'history') reads.push({ call, taskIds: 1 })
      return run(params)
    })
}

async function submitMany({ engine }: TestBed, count: number, payload = PAYLOAD): Promise<readonly string[]> {
  const tasks = await engine.submitMany(Array.from({ length: count }, () => ({ ...TASK, payload })))
  return tasks.map(({ id }) => id)
}

test('a thousand that wait share one look a second', async (t) => {
  const reads: Read[] = []
  const bed = await startEngine(t, {}, noting(reads))
  const ids = await submitMany(bed, 1000)
  const waits = ids.map((id) => bed.engine.wait(id, 11))
  await bed.clock.advance(500)
  assert.ok(reads.length <= 40, `${reads.length} reads to begin with`)
  reads.length = 0
  await bed.clock.advance(10_000)
  assert.deepEqual(
    reads,
    Array.from({ length: 10 }, () => ({ call: 'find', taskIds: 1000 })),
  )
  await bed.clock.advance(1000)
  for (const { status } of await Promise.all(waits)) assert.equal(status, 'queued')
})

test('behind a store that does not answer waits are refused in time, but for those that it was asked for', async (t) => {
  const { promise: hung, reject: end } = Promise.withResolvers<never>()
  const hanging = (store: OpenedStore) =>
    wrapCalls(store, (call, run) => (params) => (call === 'find' ? hung : run(params)))
  const bed = await startEngine(t, {}, hanging)
  const ids = await submitMany(bed, 1000)
  const refused: unknown[] = []
  for (const id of ids) bed.engine.wait(id, 1).catch((error: unknown) => refused.push(error))
  await bed.clock.advance(5000)
  assert.equal(refused.length, 1000 - 128)
  assert.match(String(refused[0]), /too many looks at tasks are under way/)
  end(new TaskyardError('store_unavailable', { reason: 'the store has gone' }))
})

test('many that watch share it too, and read what happened now and then', async (t) => {
  const reads: Read[] = []
  const bed = await startEngine(t, {}, noting(reads))
  const stop = new AbortController()
  const ids = await submitMany(bed, 200)
  const watches = ids.map((id) => Array.fromAsync(bed.engine.watch(id, 0, stop.signal)))
  await bed.clock.advance(1500)
  reads.length = 0
  await bed.clock.advance(10_000)
  assert.deepEqual(
    reads,
    Array.from({ length: 10 }, () => ({ call: 'find', taskIds: 200 })),
  )
  stop.abort()
  assert.equal((await Promise.all(watches)).flat().length, 200)
})

test('tasks that are long are looked at in smaller numbers', async (t) => {
  const reads: Read[] = []
  const bed = await startEngine(t, {}, noting(reads))
  const long = toJsonText('x'.repeat(1_000_000))
  const ids = [...(await submitMany(bed, 15, long)), ...(await submitMany(bed, 15, long))]
  const waits = ids.map((id) => bed.engine.wait(id, 2))
  await bed.clock.advance(500)
  reads.length = 0
  await bed.clock.advance(1000)
  assert.ok(reads.length > 1 && reads.every(({ taskIds }) => taskIds < 20), JSON.stringify(reads))
  await bed.clock.advance(1000)
  await Promise.all(waits)
})

test('an end of which no news came is seen by the next look', async (t) => {
  const { engine, clock, store } = await startEngine(t)
  const { task } = await engine.submit(TASK)
  const waiting = engine.wait(task.id, 60)
  const kinds: string[] = []
  const watching = (async () => {
    for await (const { kind } of engine.watch(task.id, 0, NEVER_ABORTED)) kinds.push(kind)
  })()
  await clock.advance(2000)
  await store.tasks.cancel({ namespace: 'default', taskIds: [task.id] })
  await clock.advance(1000)
  assert.equal((await waiting).status, 'cancelled')
  await watching
  assert.deepEqual(kinds, ['submitted', 'cancelled'])
})

test('lines in the log of which no news came are read in 15 s', async (t) => {
  const { engine, clock, store } = await startEngine(t)
  const { task } = await engine.submit(TASK)
  const [leased] = await engine.claim({ ...claimOf('worker-1'), leaseSeconds: 60 })
  const kinds: string[] = []
  const stop = new AbortController()
  const watching = (async () => {
    for await (const { kind } of engine.watch(task.id, 0, stop.signal)) kinds.push(kind)
  })()
  await clock.advance(2000)
  const lease = { taskId: task.id, token: leased?.lease.token ?? 0 }
  await store.tasks.record({ namespace: 'default', entries: [{ ...lease, progress: null, log: 'unheard' }] })
  await clock.advance(15_000)
  assert.deepEqual(kinds, ['submitted', 'started', 'log'])
  stop.abort()
  await watching
})

test('a wait rejects when the store cannot be looked at', async (t) => {
  let isAway = false
  const { engine, clock } = await startEngine(t, {}, (store) =>
    wrapCalls(store, (call, run) => async (params) => {
      if (isAway && call === 'find') throw new TaskyardError('store_unavailable', { reason: 'away' })
      return run(params)
    }),
  )
  const { task } = await engine.submit(TASK)
  const refused = assert.rejects(engine.wait(task.id, 60), { code: 'store_unavailable' })
  await clock.advance(100)
  isAway = true
  await clock.advance(1000)
  await refused
})

test('nobody waits or watches longer than the engine lives', async (t) => {
  const { engine, clock } = await startEngine(t)
  const { task } = await engine.submit(TASK)
  const waiting = engine.wait(task.id, 60)
  const watching = Array.fromAsync(engine.watch(task.id, 0, NEVER_ABORTED))
  await clock.advance(100)
  await engine.stop()
  assert.equal((await waiting).status, 'queued')
  assert.equal((await watching).length, 1)
})
