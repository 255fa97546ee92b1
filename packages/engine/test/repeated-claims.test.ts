import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OpenedStore } from '@taskyard/core'
import { around, gate, named } from './held-claims.ts'
import { PAYLOAD, startCluster, startEngine } from './test-bed.ts'

const TASK = { type: 'test', payload: PAYLOAD }

test('a claim that is made again ends the first one, which waits, and gets its tasks', async (t) => {
  const { engine, clock } = await startEngine(t)
  const gone = new AbortController()
  const first = engine.claim(named('r1'), 30, gone.signal)
  await clock.advance(0)
  const again = engine.claim(named('r1'), 30)
  assert.deepEqual(await first, [])
  const { task } = await engine.submit(TASK)
  gone.abort()
  const [claimed] = await again
  assert.equal(claimed?.id, task.id)
  assert.deepEqual(await engine.heartbeat([{ taskId: task.id, token: claimed?.lease.token ?? 0 }]), ['ok'])
})

test('a claim that is made again before the first one waits ends it', async (t) => {
  const { engine } = await startEngine(t)
  const first = engine.claim(named('r1'), 30)
  const again = engine.claim(named('r1'), 30)
  assert.deepEqual(await first, [])
  await engine.submit(TASK)
  assert.equal((await again).length, 1)
})

test('a claim that is made again while the first is under way keeps what the first got', async (t) => {
  const { opened, open } = gate()
  let calls = 0
  const slow = around(async (params, store) => {
    const tasks = await store.tasks.claim(params)
    if (++calls === 1) await opened
    return tasks
  })
  const { engine } = await startEngine(t, {}, slow)
  const { task } = await engine.submit(TASK)
  const gone = new AbortController()
  const first = engine.claim(named('r1'), 0, gone.signal)
  const again = await engine.claim(named('r1'))
  gone.abort()
  open()
  assert.deepEqual(await first, [])
  assert.equal(again[0]?.id, task.id)
  assert.deepEqual(await engine.heartbeat([{ taskId: task.id, token: again[0]?.lease.token ?? 0 }]), ['ok'])
})

test('a settlement that claims, overtaken by its repetition, has no tasks to give back', async (t) => {
  const { opened, open } = gate()
  let calls = 0
  const slow = (store: OpenedStore): OpenedStore => ({
    ...store,
    tasks: {
      ...store.tasks,
      async settle(params) {
        if (++calls === 1) await opened
        return store.tasks.settle(params)
      },
    },
  })
  const { engine, clock } = await startEngine(t, {}, slow)
  const { task } = await engine.submit(TASK)
  const first = engine.settle([], named('r1'))
  const again = await engine.settle([], named('r1'))
  await clock.advance(1)
  open()
  assert.deepEqual((await first).tasks, [])
  assert.deepEqual(
    again.tasks.map(({ id }) => id),
    [task.id],
  )
  assert.deepEqual(await engine.heartbeat([{ taskId: task.id, token: again.tasks[0]?.lease.token ?? 0 }]), ['ok'])
})

test('a claim that is made again while tasks of the first are being given back keeps them', async (t) => {
  const { opened, open } = gate()
  const slow = (store: OpenedStore): OpenedStore => ({
    ...store,
    tasks: {
      ...store.tasks,
      async settle(params) {
        await opened
        return store.tasks.settle(params)
      },
    },
  })
  const { engine, clock } = await startEngine(t, {}, slow)
  await engine.submit(TASK)
  const gone = new AbortController()
  const first = engine.claim(named('r1'), 0, gone.signal)
  gone.abort()
  await clock.advance(1)
  const [claimed] = await engine.claim(named('r1'))
  open()
  assert.deepEqual(await first, [])
  assert.deepEqual(await engine.heartbeat([{ taskId: claimed?.id ?? '', token: claimed?.lease.token ?? 0 }]), ['ok'])
})

test('a server whose claim lost its client takes nothing from the server where it was made again', async (t) => {
  const { opened, open } = gate()
  const slow = around(async (params, store) => {
    const tasks = await store.tasks.claim(params)
    if (tasks.length > 0) await opened
    return tasks
  })
  const { clock, node, store } = startCluster(t)
  const [first, second] = [await node('node-1', { store: slow(store) }), await node('node-2')]
  const gone = new AbortController()
  const waiting = first.claim(named('r1'), 30, gone.signal)
  await clock.advance(0)
  await second.submit(TASK)
  await clock.advance(1)
  gone.abort()
  const [claimed] = await second.claim(named('r1'))
  open()
  assert.deepEqual(await waiting, [])
  await clock.advance(0)
  assert.deepEqual([claimed?.attempt, claimed?.lease.token], [1, 1])
  assert.deepEqual(await second.heartbeat([{ taskId: claimed?.id ?? '', token: 1 }]), ['ok'])
})

test('a claim that comes to the store after its repetition at another server, its client gone, takes nothing from that', async (t) => {
  const { opened, open } = gate()
  const late = around(async (params, store) => {
    await opened
    return store.tasks.claim(params)
  })
  const { clock, node, store } = startCluster(t)
  const [first, second] = [await node('node-1', { store: late(store) }), await node('node-2')]
  const { task } = await second.submit(TASK)
  const gone = new AbortController()
  const overtaken = first.claim(named('r1'), 30, gone.signal)
  gone.abort()
  await clock.advance(1)
  const [claimed] = await second.claim(named('r1'))
  open()
  assert.deepEqual(await overtaken, [])
  assert.equal((await second.get(task.id)).status, 'running')
  assert.deepEqual(await second.heartbeat([{ taskId: task.id, token: claimed?.lease.token ?? 0 }]), ['ok'])
})

test('a look for a long poll that has ended, which its repetition overtakes, takes nothing from that', async (t) => {
  const { opened, open } = gate()
  let calls = 0
  const late = around(async (params, store) => {
    if (++calls === 2) await opened
    return store.tasks.claim(params)
  })
  const { engine, clock } = await startEngine(t, {}, late)
  const gone = new AbortController()
  const overtaken = engine.claim(named('r1'), 30, gone.signal)
  await clock.advance(0)
  const { task } = await engine.submit(TASK)
  gone.abort()
  assert.deepEqual(await overtaken, [])
  const [claimed] = await engine.claim(named('r1'))
  open()
  await clock.advance(0)
  assert.deepEqual(await engine.heartbeat([{ taskId: task.id, token: claimed?.lease.token ?? 0 }]), ['ok'])
})
