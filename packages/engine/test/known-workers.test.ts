import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WorkerView } from '../src/index.ts'
import { claimOf, type EngineInDefault, PAYLOAD, startCluster, startEngine, type TestBed } from './test-bed.ts'

const TASK = { type: 'test', payload: PAYLOAD }
const deaf = () => {}
const submit = async ({ engine }: TestBed) => (await engine.submit(TASK)).task.id
const ask = ({ engine }: TestBed, more: object = {}) => engine.claim({ ...claimOf('worker-1'), ...more })
const nothing = { types: ['other'] }

const codesOf = async (engine: EngineInDefault, id: string) =>
  (await engine.waiting(id)).reasons.map(({ code }) => code)
const allOf = async (engine: EngineInDefault) => {
  const all: WorkerView[] = []
  for (let cursor: string | null = null; ; ) {
    const { workers, nextCursor } = await engine.workers({ limit: 200, cursor })
    all.push(...workers)
    if (nextCursor === null) return all
    cursor = nextCursor
  }
}
const idsOf = async (engine: EngineInDefault) => (await allOf(engine)).map(({ workerId }) => workerId)

test('a worker without a session is known for a minute after its last claim, and while it waits or holds tasks', async (t) => {
  const bed = await startEngine(t)
  const { engine, clock } = bed
  const id = await submit(bed)
  await ask(bed, nothing)
  const waiting = engine.claim({ ...claimOf('worker-2'), ...nothing }, 50)
  await clock.advance(60_000)
  assert.deepEqual(await idsOf(engine), ['worker-1', 'worker-2'])
  await waiting
  await clock.advance(1)
  assert.deepEqual(await idsOf(engine), ['worker-2'])
  await clock.advance(60_000)
  assert.deepEqual(await idsOf(engine), [])
  const [leased] = await engine.claim({ ...claimOf('worker-3'), leaseSeconds: 3600 })
  await clock.advance(600_000)
  const second = await submit(bed)
  assert.deepEqual(await codesOf(engine, second), ['workers_busy'])
  await engine.settle([{ taskId: id, token: leased?.lease.token ?? 0, outcome: 'succeeded' }])
  assert.deepEqual(await codesOf(engine, second), ['no_worker'])
})

test('a worker that claims while it settles is known by that', async (t) => {
  const bed = await startEngine(t)
  await bed.engine.settle([], { ...claimOf('worker-1'), ...nothing })
  assert.deepEqual(await idsOf(bed.engine), ['worker-1'])
})

test('a worker that claims is shown with what it asks for and when', async (t) => {
  const { engine, clock } = await startEngine(t)
  await engine.claim({ ...claimOf('worker-1'), queues: ['b'], types: ['y'] })
  await engine.claim({ ...claimOf('worker-1'), queues: ['a', 'b'], types: ['x'] })
  const seenAt = clock.now()
  await clock.advance(7000)
  assert.deepEqual((await engine.workers()).workers, [
    {
      ...{ workerId: 'worker-1', queues: ['b', 'a'], types: ['y', 'x'], concurrency: null, connected: false },
      ...{ watched: false, embedded: false, leases: 0, connectedAt: null, seenAt },
    },
  ])
})

test('a worker that has closed its session is no longer counted on', async (t) => {
  const bed = await startEngine(t)
  const { engine } = bed
  const session = engine.openSession({ workerId: 'worker-1', queues: ['default'], onCancel: deaf })
  await engine.claim({ ...claimOf('worker-1', 1, true), ...nothing })
  const id = await submit(bed)
  assert.deepEqual(await codesOf(engine, id), ['about_to_start'])
  session.close()
  assert.deepEqual(await codesOf(engine, id), ['no_worker'])
  assert.deepEqual(await idsOf(engine), [])
})

test('a worker whose session broke is counted on until its grace is over', async (t) => {
  const bed = await startEngine(t)
  const { engine, clock } = bed
  const session = engine.openSession({ workerId: 'worker-1', queues: ['default'], onCancel: deaf })
  const id = await submit(bed)
  session.lost()
  assert.deepEqual(await codesOf(engine, id), ['about_to_start'])
  await clock.advance(4000)
  const again = engine.openSession({ workerId: 'worker-1', queues: ['default'], onCancel: deaf })
  await clock.advance(4000)
  assert.deepEqual(await codesOf(engine, id), ['about_to_start'])
  again.lost()
  await clock.advance(4999)
  assert.deepEqual(await idsOf(engine), ['worker-1'])
  await clock.advance(2)
  assert.deepEqual(await codesOf(engine, id), ['no_worker'])
  assert.deepEqual(await idsOf(engine), [])
})

test('the end of a session counts once, however often it is said', async (t) => {
  const bed = await startEngine(t)
  const { engine, clock } = bed
  const open = () => engine.openSession({ workerId: 'worker-1', queues: ['default'], onCancel: deaf })
  const id = await submit(bed)
  const first = open()
  for (const end of [first.lost, first.lost, first.close, first.close]) end()
  assert.deepEqual(await codesOf(engine, id), ['no_worker'])
  const second = open()
  first.lost()
  await clock.advance(120_000)
  const [reason] = (await engine.waiting(id)).reasons
  assert.deepEqual([reason?.code, reason?.seenAgoSeconds], ['about_to_start', 0])
  second.close()
  await ask(bed, nothing)
  second.close()
  assert.deepEqual(await idsOf(engine), ['worker-1'])
})

test('a worker whose session broke, and that claims meanwhile, is counted on', async (t) => {
  const bed = await startEngine(t)
  const { engine, clock } = bed
  engine.openSession({ workerId: 'worker-1', queues: ['default'], onCancel: deaf }).lost()
  const waiting = engine.claim({ ...claimOf('worker-1', 1, true), ...nothing }, 50)
  await clock.advance(10_000)
  assert.deepEqual(await idsOf(engine), ['worker-1'])
  await clock.advance(40_000)
  await waiting
})

test('a worker that asks for other types under its name is not counted on for those before', async (t) => {
  const bed = await startEngine(t)
  const { engine, clock } = bed
  await ask(bed, { types: ['test'] })
  await clock.advance(61_000)
  await ask(bed, { types: ['other'] })
  assert.deepEqual(await codesOf(engine, await submit(bed)), ['no_worker'])
})

test('what is known of workers stays within their namespace', async (t) => {
  const bed = await startEngine(t)
  const { engine } = bed
  const other = engine.in('other')
  await other.claim(claimOf('worker-1'))
  const id = await submit(bed)
  assert.deepEqual(await codesOf(engine, id), ['no_worker'])
  assert.deepEqual(await idsOf(engine), [])
  await assert.rejects(other.waiting(id), { code: 'task_not_found' })
  const { task } = await other.submit(TASK)
  await engine.pause('default')
  assert.deepEqual(
    (await other.waiting(task.id)).reasons.map(({ code }) => code),
    ['about_to_start'],
  )
  await other.pause('default')
  assert.match((await other.waiting(task.id)).reasons[0]?.message ?? '', /resume default --namespace other$/)
  assert.deepEqual((await engine.stuckQueues()).total, 1)
})

test('workers of other processes are known with what they ask for, and as long as those say so', async (t) => {
  const { clock, node, kill } = startCluster(t)
  const [first, second] = [await node('node-1'), await node('node-2')]
  const { task } = await second.submit(TASK)
  await first.claim({ ...claimOf('worker-1'), queues: ['mail'], types: ['test'] })
  first.openSession({ workerId: 'worker-2', queues: ['*'], types: ['more'], concurrency: 7, onCancel: deaf })
  await clock.advance(1000)
  assert.deepEqual(await codesOf(second, task.id), ['other_queues'])
  assert.deepEqual(
    (await second.workers()).workers.map(({ workerId, queues, types, concurrency, connected }) => [
      workerId,
      queues,
      types,
      concurrency,
      connected,
    ]),
    [
      ['worker-1', ['mail'], ['test'], null, false],
      ['worker-2', ['*'], ['more'], 7, true],
    ],
  )
  await clock.advance(75_000)
  assert.deepEqual(await idsOf(second), ['worker-2'])
  kill('node-1')
  await clock.advance(6000)
  assert.deepEqual(await idsOf(second), [])
})

test('a process of the version before, which says nothing of claimers, is understood', async (t) => {
  const { clock, node, store } = startCluster(t)
  const engine = await node('node-1')
  const beat = { nodeId: 'old', workers: [{ namespace: 'default', workerId: 'worker-1' }], ttlMs: 5000 }
  await store.presence.beat(beat)
  const { task } = await engine.submit(TASK)
  assert.deepEqual(await codesOf(engine, task.id), ['no_worker'])
  await store.tasks.claim({
    ...claimOf('worker-1', 1, true),
    namespace: 'default',
    types: null,
    leaseMs: 60_000,
    requestId: null,
  })
  await clock.advance(1)
  await store.presence.beat(beat)
  const [known] = (await engine.workers()).workers
  assert.partialDeepStrictEqual(known, { workerId: 'worker-1', connected: true, queues: [], types: null, leases: 1 })
})

test('lanes for whose tasks nobody comes are told, within bounds', async (t) => {
  const { engine } = await startEngine(t)
  await engine.claim({ ...claimOf('worker-1'), queues: ['a', 'paused'], types: ['x'] })
  for (const [queue, type] of [
    ['a', 'x'],
    ['paused', 'x'],
    ['paused', 'y'],
    ['b', 'x'],
    ['a', 'y'],
  ] as const)
    await engine.submit({ ...TASK, queue, type })
  await engine.submit({ ...TASK, queue: 'c', type: 'y', delaySeconds: 60 })
  await engine.pause('paused')
  const { stuck, ...rest } = await engine.stuckQueues()
  assert.deepEqual(
    stuck.map(({ queue, type, reasons }) => [queue, type, ...reasons.map(({ code }) => code)]),
    [
      ['a', 'y', 'no_worker'],
      ['b', 'x', 'other_queues'],
      ['paused', 'x', 'queue_paused'],
      ['paused', 'y', 'queue_paused', 'no_worker'],
    ],
  )
  assert.deepEqual(rest, { total: 4, complete: true })
  await engine.submitMany(Array.from({ length: 150 }, (_, n) => ({ ...TASK, queue: 'many', type: `type-${n}` })))
  const many = await engine.stuckQueues()
  assert.deepEqual([many.stuck.length, many.total], [100, 154])
})

test('workers come in pages, in the order of their ids, each of bounded length', async (t) => {
  const { engine } = await startEngine(t)
  const ids = Array.from({ length: 120 }, (_, n) => `w${n}`)
  for (const id of ids) await engine.claim({ ...claimOf(id), ...nothing })
  const { workers, nextCursor } = await engine.workers()
  assert.equal(workers.length, 50)
  assert.equal(nextCursor, workers.at(-1)?.workerId)
  assert.deepEqual(await idsOf(engine), ids.toSorted())
  const last = await engine.workers({ limit: 200, cursor: 'w98' })
  assert.deepEqual([last.workers.length, last.nextCursor], [1, null])
  const types = Array.from({ length: 32 }, (_, n) => `${'t'.repeat(125)}${n}`)
  for (const id of ids)
    for (const queue of ['a', 'b', 'c']) await engine.claim({ ...claimOf(id), queues: [queue], types })
  const bounded = await engine.workers({ limit: 200 })
  assert.ok(bounded.workers.length > 50 && bounded.workers.length < 120, `${bounded.workers.length} in a page`)
  assert.deepEqual(
    (await allOf(engine)).map(({ workerId }) => workerId),
    ids.toSorted(),
  )
  for (const wrong of [{ limit: 0 }, { limit: 201 }, { cursor: '\u0000' }])
    await assert.rejects(engine.workers(wrong), { code: 'invalid_request' })
})
