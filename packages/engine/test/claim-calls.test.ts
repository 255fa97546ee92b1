import assert from 'node:assert/strict'
import { test } from 'node:test'
import { givenFirst, type OpenedStore } from '@taskyard/core'
import { around, gate, named } from './held-claims.ts'
import { claimOf, PAYLOAD, startEngine } from './test-bed.ts'

const TASK = { type: 'test', payload: PAYLOAD }

test('a claim on which the store chokes does not hold up those that wait behind it', async (t) => {
  const choking = around(async (params, store) => {
    const tasks = await store.tasks.claim({ ...params, limit: 1 })
    if (tasks.length === 0 || params.worker.workerId !== 'bad') return tasks
    await store.tasks.settle({
      namespace: 'default',
      settlements: tasks.map(({ id, lease }) => ({ taskId: id, token: lease.token, outcome: 'released' })),
      claim: null,
    })
    throw new Error('choked')
  })
  const { engine, clock } = await startEngine(t, {}, choking)
  const bad = engine.claim(claimOf('bad'), 30).catch(() => [])
  const good = engine.claim(claimOf('good'), 30)
  await engine.submit(TASK)
  await clock.advance(0)
  assert.equal((await good).length, 1)
  await engine.stop()
  await bad
})

test('a worker whose lease ran out is not handed the same task while it does not ask again', async (t) => {
  const { engine, clock } = await startEngine(t)
  await clock.advance(5000)
  const { task } = await engine.submit(TASK)
  await engine.claim({ ...claimOf('frozen', 1, true), leaseSeconds: 2 })
  const frozen = engine.claim({ ...claimOf('frozen', 1, true), leaseSeconds: 2 }, 60)
  await clock.advance(1000)
  const healthy = engine.claim(claimOf('healthy'), 60)
  await clock.advance(2000)
  assert.deepEqual(await frozen, [])
  const [claimed] = await healthy
  assert.deepEqual([claimed?.id, claimed?.workerId, claimed?.crashes], [task.id, 'healthy', 0])
})

test('an answer that nobody heard is given back, unless the claim has been made again', async (t) => {
  const { engine, clock } = await startEngine(t)
  await engine.submit(TASK)
  await engine.giveBack(givenFirst(await engine.claim(named('r1'))))
  assert.equal((await engine.queue('default')).counts.queued, 1)
  const second = await engine.claim(named('r2'))
  await clock.advance(1)
  const [claimed] = await engine.claim(named('r2'))
  await engine.giveBack(givenFirst(second))
  assert.deepEqual(await engine.heartbeat([{ taskId: claimed?.id ?? '', token: claimed?.lease.token ?? 0 }]), ['ok'])
})

test('an answer that gave nothing for the first time has nothing to give back', async (t) => {
  const { engine } = await startEngine(t)
  await engine.submit(TASK)
  assert.equal(givenFirst(await engine.claim(named('r1'))).length, 1)
  assert.deepEqual(givenFirst(await engine.claim(named('r1'))), [])
})

for (const kind of ['claim', 'settlement that claims'] as const) {
  test(`stopping gives back nothing that a ${kind} under way was given before`, async (t) => {
    const { opened, open } = gate()
    let isHeld = false
    const slow = (store: OpenedStore): OpenedStore => ({
      ...store,
      tasks: {
        ...store.tasks,
        async claim(params) {
          if (isHeld) await opened
          return store.tasks.claim(params)
        },
        async settle(params) {
          if (isHeld) await opened
          return store.tasks.settle(params)
        },
      },
    })
    const { engine, clock, store } = await startEngine(t, {}, slow)
    const { task } = await engine.submit(TASK)
    await engine.claim(named('r1'))
    isHeld = true
    const again =
      kind === 'claim' ? engine.claim(named('r1')) : engine.settle([], named('r1')).then(({ tasks }) => tasks)
    await clock.advance(1)
    const stopped = engine.stop()
    open()
    await stopped
    assert.deepEqual(await again, [])
    assert.equal((await store.reads.find({ namespace: 'default', taskIds: [task.id] }))[0]?.status, 'running')
  })
}

for (const kind of ['claim', 'long poll', 'settlement that claims'] as const) {
  test(`stopping waits for a ${kind} under way, whose tasks go back`, async (t) => {
    const { opened, open } = gate()
    const slow = (store: OpenedStore): OpenedStore => ({
      ...store,
      tasks: {
        ...store.tasks,
        async claim(params) {
          const tasks = await store.tasks.claim(params)
          if (tasks.length > 0) await opened
          return tasks
        },
        async settle(params) {
          const report = await store.tasks.settle(params)
          if (report.tasks.length > 0) await opened
          return report
        },
      },
    })
    const { engine, clock, store } = await startEngine(t, {}, slow)
    const isWaiting = kind === 'long poll'
    const first = isWaiting ? engine.claim(claimOf('worker-1'), 30) : null
    const { task } = await engine.submit(TASK)
    const claiming =
      first ??
      (kind === 'claim'
        ? engine.claim(claimOf('worker-1'))
        : engine.settle([], claimOf('worker-1')).then(({ tasks }) => tasks))
    await clock.advance(0)
    let hasStopped = false
    const stopped = engine.stop().then(() => {
      hasStopped = true
    })
    await clock.advance(0)
    assert.equal(hasStopped, false)
    open()
    await stopped
    assert.deepEqual(await claiming, [])
    const [found] = await store.reads.find({ namespace: 'default', taskIds: [task.id] })
    assert.deepEqual([found?.status, found?.attempt], ['queued', 0])
  })
}
