import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WorkerView } from '../src/index.ts'
import { claimOf, type EngineInDefault, PAYLOAD, startCluster, startEngine, worker } from './test-bed.ts'

// How much is kept of who asks for what, and told to other processes: names and their number are anybody's choice.

const nothing = { types: ['other'] }
const allOf = async (engine: EngineInDefault) => {
  const all: WorkerView[] = []
  for (let cursor: string | null = null; ; ) {
    const { workers, nextCursor } = await engine.workers({ limit: 200, cursor })
    all.push(...workers)
    if (nextCursor === null) return all
    cursor = nextCursor
  }
}

test('beats tell of claimers when these are others, and else every 10 s', async (t) => {
  let told = 0
  const { clock, node } = startCluster(t, (store) => ({
    ...store,
    presence: {
      ...store.presence,
      async beat(params) {
        if (params.claimers !== undefined) told += 1
        return store.presence.beat(params)
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
  const known = await allOf(engine)
  const length = known.reduce((sum, each) => sum + (each.types?.join('').length ?? 0), 0)
  assert.ok(length > 900_000 && length < 1_048_576, `${length} characters`)
  assert.ok(known.some(({ workerId }) => workerId === 'flood-499'))
  assert.equal((await engine.in('quiet').workers()).workers.length, 1)
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
  const known = await allOf(engine)
  assert.ok(known.length <= 2000)
  assert.ok(known.some(({ workerId }) => workerId === 'flood-1000-99'))
  assert.ok(known.every(({ queues }) => queues.join('').length <= 8192))
  await clock.advance(1000)
  const [quiet] = await store.presence.claimers({ namespace: 'quiet' })
  assert.equal(quiet?.workers[0]?.workerId, 'quiet-worker')
  const said = JSON.stringify(await store.presence.claimers({ namespace: 'default' }))
  assert.ok(said.length < 400_000, `${said.length} characters`)
})

const typeOf = (n: number) => `type-${n}-${'y'.repeat(90)}`
const claimAll = async (engine: EngineInDefault, count: number) => {
  for (let n = 0; n < count; n++) await engine.claim({ ...claimOf(`worker-${n}`), types: [typeOf(n)] })
}
const answersFor = async (engine: EngineInDefault, type: string) => {
  const { task } = await engine.submit({ type, payload: PAYLOAD })
  const { total, complete } = await engine.stuckQueues()
  const { reasons } = await engine.waiting(task.id)
  return { total, complete, codes: reasons.map(({ code }) => code) }
}

test('where more workers ask than a beat tells of, others do not say that none takes a type', async (t) => {
  const { clock, node } = startCluster(t)
  const [first, second] = [await node('node-1'), await node('node-2')]
  await claimAll(first, 20)
  await clock.advance(1000)
  const nobody = { total: 1, complete: true, codes: ['no_worker'] }
  assert.deepEqual(await answersFor(second, 'other'), nobody)
  await claimAll(first, 800)
  await second.in('quiet').claim(claimOf('quiet-worker'))
  await clock.advance(1000)
  assert.deepEqual(await answersFor(first, 'other'), { ...nobody, total: 1 })
  assert.deepEqual(await answersFor(second, 'other'), { total: 0, complete: false, codes: ['workers_unknown'] })
  assert.equal((await second.in('quiet').stuckQueues()).complete, true)
  await second.pause('default')
  assert.deepEqual(await answersFor(second, 'other'), { total: 1, complete: false, codes: ['queue_paused'] })
  await second.resume('default')
  await first.stop()
  await clock.advance(1000)
  assert.deepEqual(await answersFor(second, 'other'), nobody)
})

test('where more workers ask than are kept, it is not said that none takes a type, until those would be forgotten', async (t) => {
  const { engine, clock } = await startEngine(t)
  await claimAll(engine, 2001)
  assert.deepEqual(await answersFor(engine, typeOf(0)), { total: 0, complete: false, codes: ['workers_unknown'] })
  await clock.advance(3_700_000)
  assert.deepEqual(await answersFor(engine, typeOf(0)), { total: 1, complete: true, codes: ['no_worker'] })
})
