import assert from 'node:assert/strict'
import { test } from 'node:test'
import { claimOf, type EngineInDefault, PAYLOAD, startCluster, startEngine, type TestBed, worker } from './test-bed.ts'

const TASK = { type: 'test', payload: PAYLOAD }
const deaf = () => {}
const submit = async ({ engine }: TestBed) => (await engine.submit(TASK)).task.id
const ask = ({ engine }: TestBed, more: object = {}) => engine.claim({ ...claimOf('worker-1'), ...more })
const nothing = { types: ['other'] }

const codesOf = async (engine: EngineInDefault, id: string) =>
  (await engine.waiting(id)).reasons.map(({ code }) => code)
const idsOf = async (engine: EngineInDefault) => (await engine.workers()).map(({ workerId }) => workerId)

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
  assert.deepEqual(await engine.workers(), [
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
  assert.deepEqual((await engine.stuckLanes()).total, 1)
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
    (await second.workers()).map(({ workerId, queues, types, concurrency, connected }) => [
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
  const [known] = await engine.workers()
  assert.partialDeepStrictEqual(known, { workerId: 'worker-1', connected: true, queues: [], types: null, leases: 1 })
})

test('lanes for whose tasks nobody comes are told, within bounds', async (t) => {
  const { engine } = await startEngine(t)
  await engine.claim({ ...claimOf('worker-1'), queues: ['a', 'paused'], types: ['x'] })
  for (const [queue, type] of [
    ['a', 'x'],
    ['paused', 'x'],
    ['b', 'x'],
    ['a', 'y'],
  ] as const)
    await engine.submit({ ...TASK, queue, type })
  await engine.submit({ ...TASK, queue: 'c', type: 'y', delaySeconds: 60 })
  await engine.pause('paused')
  const { stuck, ...rest } = await engine.stuckLanes()
  assert.deepEqual(
    stuck.map(({ queue, type, reason }) => [queue, type, reason.code]),
    [
      ['a', 'y', 'no_worker'],
      ['b', 'x', 'other_queues'],
      ['paused', 'x', 'queue_paused'],
    ],
  )
  assert.deepEqual(rest, { total: 3, complete: true })
  await engine.submitMany(Array.from({ length: 150 }, (_, n) => ({ ...TASK, queue: 'many', type: `type-${n}` })))
  const many = await engine.stuckLanes()
  assert.deepEqual([many.stuck.length, many.total], [100, 153])
})

test('beats tell of claimers when these are others, and else every 10 s', async (t) => {
  let told = 0
  const { clock, node } = startCluster(t, (store) => ({
    ...store,
    presence: {
      ...store.presence,
      async beat(params) {
        if (params.claimers !== undefined) told += 1
        await store.presence.beat(params)
      },
    },
  }))
  const engine = await node('node-1')
  const ids = ['worker-1', 'worker-2', 'worker-3', 'worker-4', 'worker-5']
  const claimAll = async (more: readonly string[] = []) => {
    for (const id of [...ids, ...more]) {
      await engine.claim({ ...claimOf(id), types: ['x'] })
      await engine.claim({ ...claimOf(id), types: ['y'] })
    }
    await clock.advance(1000)
  }
  for (let second = 0; second < 60; second++) {
    ids.push(ids.shift() as string)
    await claimAll()
  }
  assert.ok(told >= 6 && told <= 7, `${told} of 60 beats told of claimers`)
  const before = told
  await claimAll(['worker-6'])
  await clock.advance(1000)
  assert.equal(told, before + 1)
})

test('of too many claimers beats tell the same ones, as long as these ask', async (t) => {
  const { clock, node, store } = startCluster(t)
  const engine = await node('node-1')
  const ids = Array.from({ length: 1500 }, (_, n) => `${'w'.repeat(60)}-${n}`)
  const toldIds = async () =>
    (await store.presence.claimers({ namespace: 'default' })).flatMap(({ workers }) =>
      workers.map((each) => each.workerId),
    )
  const claimAll = async (order: readonly string[]) => {
    for (const id of order) await engine.claim({ ...claimOf(id), ...nothing })
    await clock.advance(2000)
  }
  await claimAll(ids)
  const first = await toldIds()
  await claimAll(ids.toReversed())
  await clock.advance(9000)
  assert.ok(first.length < ids.length)
  assert.deepEqual((await toldIds()).sort(), first.sort())
})

test('names that are asked for fill no more than their room, and make nobody else unknown', async (t) => {
  const { engine } = await startEngine(t)
  await engine.in('quiet').claim({ ...claimOf('quiet-worker'), types: ['quiet'] })
  const types = (n: number) => Array.from({ length: 40 }, (_, i) => `${n}-${i}-${'t'.repeat(80)}`)
  for (let n = 0; n < 500; n++) await engine.claim({ ...claimOf(`flood-${n}`), types: types(n) })
  const known = await engine.workers()
  const length = known.reduce((sum, each) => sum + (each.types?.join('').length ?? 0), 0)
  assert.ok(length > 900_000 && length < 1_048_576, `${length} characters`)
  assert.ok(known.some(({ workerId }) => workerId === 'flood-499'))
  assert.equal((await engine.in('quiet').workers()).length, 1)
})

test('one client cannot fill the memory with names of workers, nor push out the workers of others', async (t) => {
  const { clock, node, store } = startCluster(t)
  const engine = await node('node-1')
  await engine.in('quiet').claim(claimOf('quiet-worker'))
  const flood = async (workers: number, queues: readonly string[]) => {
    for (let n = 0; n < workers; n++)
      await engine.claim({ worker: worker(`flood-${queues.length}-${n}`), queues, types: [`type-${n}`], limit: 1 })
  }
  await flood(3000, ['default'])
  await flood(
    100,
    Array.from({ length: 1000 }, (_, n) => `${'q'.repeat(100)}${n}`),
  )
  const known = await engine.workers()
  assert.ok(known.length <= 2000)
  assert.ok(known.some(({ workerId }) => workerId === 'flood-1000-99'))
  assert.ok(known.every(({ queues }) => queues.join('').length <= 8192))
  await clock.advance(1000)
  const [quiet] = await store.presence.claimers({ namespace: 'quiet' })
  assert.equal(quiet?.workers[0]?.workerId, 'quiet-worker')
  const said = JSON.stringify(await store.presence.claimers({ namespace: 'default' }))
  assert.ok(said.length < 400_000, `${said.length} characters`)
})
