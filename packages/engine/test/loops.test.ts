import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awayWhile, PAYLOAD, startCluster, startEngine } from './test-bed.ts'

const OF_ONE_PROCESS = [
  'sweeper',
  'session-graces',
  'signs-of-life',
  'dispatcher',
  'followed-tasks',
  'throughput',
  'standstills',
]

test('health and reports name every loop of the process', async (t) => {
  const { engine, clock } = await startEngine(t)
  const { task } = await engine.submit({ type: 'test', payload: PAYLOAD })
  void engine.wait(task.id, 60)
  await clock.advance(5000)
  const { loops } = await engine.health()
  assert.deepEqual(
    loops.map(({ name }) => name),
    OF_ONE_PROCESS,
  )
  const idle = loops.filter(({ rounds, intervalMs }) => rounds === 0 && intervalMs !== null)
  assert.deepEqual(idle, [])
  assert.deepEqual(engine.loops(), loops)
})

test('processes on a shared store have the loops of presence, too', async (t) => {
  const { clock, node } = startCluster(t)
  const engine = await node('node-1')
  await clock.advance(10_000)
  const names = engine.loops().map(({ name }) => name)
  assert.deepEqual(
    names.filter((name) => !OF_ONE_PROCESS.includes(name)),
    ['presence', 'dead-workers'],
  )
})

test('while the store is away the loops that need it fail, and are well again after it', async (t) => {
  let away = false
  const isAway = () => away
  const { engine, clock } = await startEngine(t, {}, awayWhile(isAway))
  const failing = () =>
    engine
      .loops()
      .filter(({ healthy }) => !healthy)
      .map(({ name }) => name)
  void engine.claim({ worker: { workerId: 'w', nodeId: null, session: false }, queues: ['default'], limit: 1 }, 60)
  await clock.advance(10_000)
  assert.deepEqual(failing(), [])
  away = true
  await clock.advance(6000)
  assert.deepEqual(failing(), ['sweeper', 'dispatcher', 'throughput'])
  away = false
  await clock.advance(10_000)
  assert.deepEqual(failing(), [])
})

test('a loop that is not essential may fail, and the process is ready all the same', async (t) => {
  let isBroken = false
  const { engine, clock } = await startEngine(t, {}, (store) => ({
    ...store,
    reads: {
      ...store.reads,
      counts: (params) => (isBroken ? Promise.reject(new Error('a bug')) : store.reads.counts(params)),
    },
  }))
  isBroken = true
  await clock.advance(5000)
  const { ready, loops } = await engine.health()
  const throughput = loops.find(({ name }) => name === 'throughput')
  assert.deepEqual([throughput?.healthy, throughput?.reason, ready], [false, 'a bug', true])
})
