import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SimulatedClock } from '@taskyard/conformance'
import type { LeaseRef, OpenedStore } from '@taskyard/core'
import type { UseCases } from '../src/index.ts'
import { claimOf, PAYLOAD, startCluster, startEngine } from './test-bed.ts'

const TASK = { type: 'test', payload: PAYLOAD, timeoutSeconds: 3600 }
const deaf = () => {}
const WORKER = { ...claimOf('worker-1', 1, true), leaseSeconds: 300 }

async function lease(engine: UseCases): Promise<LeaseRef> {
  const [task] = await engine.claim(WORKER)
  return { taskId: String(task?.id), token: Number(task?.lease.token) }
}

async function extendEvery2s(engine: UseCases, held: LeaseRef, clock: SimulatedClock, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await clock.advance(2000)
    assert.deepEqual(await engine.heartbeat([held], 300), ['ok'])
  }
}

async function standingOf(engine: UseCases, { taskId }: LeaseRef): Promise<string> {
  const { status, crashes } = await engine.get(taskId)
  return `${status}, crashes ${crashes}`
}

test('a worker whose session stays broken lives as long as it extends its leases, and has one grace from then', async (t) => {
  const { engine, clock } = await startEngine(t)
  const session = engine.openSession({ workerId: 'worker-1', onCancel: deaf })
  await engine.submit(TASK)
  const held = await lease(engine)
  session.close()
  await extendEvery2s(engine, held, clock, 20)
  assert.equal(await standingOf(engine, held), 'running, crashes 0')
  await clock.advance(10_000)
  assert.equal(await standingOf(engine, held), 'queued, crashes 1')
})

for (const sweeps of [true, false]) {
  const server = sweeps ? 'a server' : 'a server that does not sweep'
  test(`a worker lives that extends its leases to an earlier end, and has one grace from then, at ${server}`, async (t) => {
    const { clock, node } = startCluster(t)
    const [engine] = [await node('node-1', { sweeps }), await node('node-2')]
    await clock.advance(10_000)
    const session = engine.openSession({ workerId: 'worker-1', onCancel: deaf })
    await engine.submit(TASK)
    const held = await lease(engine)
    session.close()
    for (let i = 0; i < 10; i++) {
      await clock.advance(2000)
      assert.deepEqual(await engine.heartbeat([held], 30), ['ok'])
    }
    await clock.advance(2900)
    assert.equal(await standingOf(engine, held), 'running, crashes 0')
    await clock.advance(7100)
    assert.equal(await standingOf(engine, held), 'queued, crashes 1')
  })

  test(`a worker that dies while its session is broken loses its leases within 7 s, at ${server}`, async (t) => {
    const { clock, node } = startCluster(t)
    const [engine] = [await node('node-1', { sweeps }), await node('node-2')]
    await clock.advance(10_000)
    const session = engine.openSession({ workerId: 'worker-1', onCancel: deaf })
    await engine.submit(TASK)
    const held = await lease(engine)
    await clock.advance(1300)
    session.close()
    await clock.advance(7000)
    assert.equal(await standingOf(engine, held), 'queued, crashes 1')
  })
}

test('a long lease does not hide that others are extended', async (t) => {
  const { engine, clock } = await startEngine(t)
  const session = engine.openSession({ workerId: 'worker-1', onCancel: deaf })
  await engine.submitMany([TASK, TASK])
  const [long] = await engine.claim({ ...WORKER, leaseSeconds: 3000 })
  const held = await lease(engine)
  session.close()
  await extendEvery2s(engine, held, clock, 20)
  assert.equal((await engine.get(String(long?.id))).status, 'running')
})

test('a worker lives as long as it extends its leases, also where the deadline of its task comes first', async (t) => {
  const { engine, clock } = await startEngine(t)
  const session = engine.openSession({ workerId: 'worker-1', onCancel: deaf })
  await engine.submit({ ...TASK, timeoutSeconds: 20 })
  const held = await lease(engine)
  session.close()
  await extendEvery2s(engine, held, clock, 9)
  assert.equal(await standingOf(engine, held), 'running, crashes 0')
})

test('leases that run out or are settled are no sign of life', async (t) => {
  const { engine, clock } = await startEngine(t)
  await clock.advance(5000)
  const session = engine.openSession({ workerId: 'worker-1', onCancel: deaf })
  await engine.submitMany([TASK, TASK, TASK])
  const held = await lease(engine)
  await engine.claim({ ...WORKER, leaseSeconds: 3 })
  const settled = await lease(engine)
  session.close()
  await clock.advance(1500)
  await engine.settle([{ ...settled, outcome: 'succeeded' }])
  await clock.advance(3500)
  assert.equal(await standingOf(engine, held), 'queued, crashes 1')
})

test('a worker without watched leases is not looked at for ever', async (t) => {
  let looks = 0
  const counting = (store: OpenedStore): OpenedStore => ({
    ...store,
    presence: {
      ...store.presence,
      holders() {
        looks += 1
        return store.presence.holders({ namespace: null })
      },
    },
  })
  const { engine, clock } = await startEngine(t, {}, counting)
  engine.openSession({ workerId: 'worker-1', onCancel: deaf }).close()
  await engine.submit(TASK)
  const [task] = await engine.claim({ ...claimOf('worker-1'), leaseSeconds: 300 })
  const held = { taskId: String(task?.id), token: 1 }
  await extendEvery2s(engine, held, clock, 3)
  const before = looks
  await extendEvery2s(engine, held, clock, 20)
  assert.equal(looks, before)
})

test('what came before its session broke is no sign of life', async (t) => {
  const { engine, clock } = await startEngine(t)
  const session = engine.openSession({ workerId: 'worker-1', onCancel: deaf })
  await engine.submit(TASK)
  const held = await lease(engine)
  await extendEvery2s(engine, held, clock, 2)
  session.close()
  await clock.advance(5000)
  assert.equal(await standingOf(engine, held), 'queued, crashes 1')
})

test('a call that was under way when its worker died is no sign of life', async (t) => {
  const { engine, clock } = await startEngine(t)
  const session = engine.openSession({ workerId: 'worker-1', onCancel: deaf })
  await engine.submitMany([TASK, TASK])
  const held = await lease(engine)
  await clock.advance(1000)
  session.close()
  await clock.advance(500)
  await lease(engine)
  await clock.advance(4500)
  assert.equal(await standingOf(engine, held), 'queued, crashes 1')
})

test('a call that was under way when its worker died is no sign of life where others share the store, whenever they look', async (t) => {
  const { clock, node } = startCluster(t)
  const [first, second] = [await node('node-1'), await node('node-2')]
  await clock.advance(10_000)
  for (let offset = 0; offset < 2000; offset += 250) {
    const session = first.openSession({ workerId: 'worker-1', onCancel: deaf })
    await first.submitMany([TASK, TASK])
    await clock.advance(1000 + offset)
    const held = await lease(second)
    session.close()
    await clock.advance(400)
    await lease(second)
    await clock.advance(4700)
    assert.match(await standingOf(second, held), /^queued/, `${offset} ms`)
    await second.cancelMatching({ queue: 'default' })
  }
})

test('a worker that is with another server by now, whose new start comes back to the first, keeps its leases', async (t) => {
  const { clock, node } = startCluster(t)
  const [first, second] = [await node('node-1'), await node('node-2')]
  await clock.advance(10_000)
  first.openSession({ workerId: 'worker-1', startId: 'a', onCancel: deaf }).close()
  const session = second.openSession({ workerId: 'worker-1', startId: 'b', onCancel: deaf })
  await first.submit(TASK)
  const held = await lease(second)
  await extendEvery2s(second, held, clock, 10)
  session.close()
  await clock.advance(1500)
  await first.openSession({ workerId: 'worker-1', startId: 'b', onCancel: deaf }).opened
  assert.equal(await standingOf(second, held), 'running, crashes 0')
})

test('another start of a worker leaves the leases of one that went on after its session broke to their time', async (t) => {
  const { engine, clock } = await startEngine(t)
  const session = engine.openSession({ workerId: 'worker-1', startId: 'a', onCancel: deaf })
  await engine.submit(TASK)
  const held = await lease(engine)
  session.close()
  await extendEvery2s(engine, held, clock, 1)
  await engine.openSession({ workerId: 'worker-1', startId: 'b', onCancel: deaf }).opened
  await clock.advance(299_000)
  assert.equal(await standingOf(engine, held), 'running, crashes 0')
  await clock.advance(3000)
  assert.equal(await standingOf(engine, held), 'queued, crashes 0')
})

test('a worker whose session was with a process that died lives as long as others hear of it, and 5 to 7 s longer', async (t) => {
  const { clock, node, kill } = startCluster(t)
  const [first, second] = [await node('node-1'), await node('node-2'), await node('node-3')]
  await clock.advance(10_000)
  first.openSession({ workerId: 'worker-1', onCancel: deaf })
  await first.submit(TASK)
  const held = await lease(second)
  kill('node-1')
  await extendEvery2s(second, held, clock, 30)
  assert.equal(await standingOf(second, held), 'running, crashes 0')
  await clock.advance(4900)
  assert.equal(await standingOf(second, held), 'running, crashes 0')
  await clock.advance(2200)
  assert.equal(await standingOf(second, held), 'queued, crashes 1')
})

test('a worker lives as long as it claims, though its session stays broken', async (t) => {
  const { clock, node } = startCluster(t)
  const [first, second] = [await node('node-1'), await node('node-2')]
  await clock.advance(10_000)
  const session = first.openSession({ workerId: 'worker-1', onCancel: deaf })
  await first.submitMany([TASK, TASK])
  const held = await lease(second)
  session.close()
  await clock.advance(3000)
  await lease(second)
  await clock.advance(3000)
  assert.equal(await standingOf(second, held), 'running, crashes 0')
  await clock.advance(5000)
  assert.equal(await standingOf(second, held), 'queued, crashes 1')
})

for (const kind of ['of its own', 'that others share'] as const) {
  test(`a session that a claim only speaks of is awaited for a grace, on a store ${kind}`, async (t) => {
    const { clock, node } = startCluster(t)
    const engine = await node('node-1', kind === 'of its own' ? { news: null } : {})
    await clock.advance(10_000)
    await engine.submit(TASK)
    const held = await lease(engine)
    await clock.advance(4900)
    assert.equal(await standingOf(engine, held), 'running, crashes 0')
    await clock.advance(2200)
    assert.equal(await standingOf(engine, held), 'queued, crashes 1')
    const again = await lease(engine)
    await clock.advance(4900)
    engine.openSession({ workerId: 'worker-1', onCancel: deaf })
    await clock.advance(60_000)
    assert.equal(await standingOf(engine, again), 'running, crashes 1')
  })
}
