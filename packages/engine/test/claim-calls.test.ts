import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClaimParams, givenFirst, type LeasedTask, type OpenedStore, TaskyardError } from '@taskyard/core'
import { claimOf, PAYLOAD, startCluster, startEngine } from './scene.ts'

const TASK = { type: 'test', payload: PAYLOAD }
const named = (requestId: string) => ({ ...claimOf('worker-1'), requestId })

/** A store whose claims may be held up, or lose their answers, or fail. */
function around(claim: (params: ClaimParams, store: OpenedStore) => Promise<readonly LeasedTask[]>) {
  return (store: OpenedStore): OpenedStore => ({
    ...store,
    tasks: { ...store.tasks, claim: (params) => claim(params, store) },
  })
}

/** A gate that holds up whoever comes until it is opened. */
function gate() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

test('a task whose claim lost its answer reaches the long poll that it was claimed for', async (t) => {
  let losses = 0
  const losing = around(async (params, store) => {
    const tasks = await store.tasks.claim(params)
    if (tasks.length > 0 && losses++ === 0) throw new TaskyardError('store_unavailable', { reason: 'lost' })
    return tasks
  })
  const { engine, clock } = await startEngine(t, {}, losing)
  const waiting = engine.claim(claimOf('worker-1'), 30)
  const { task } = await engine.submit(TASK)
  await clock.advance(1000)
  const [claimed] = await waiting
  assert.deepEqual([claimed?.id, claimed?.attempt], [task.id, 1])
})

test('a long poll that may have been given tasks does not end as if there were none', async (t) => {
  const losing = around(async (params, store) => {
    const tasks = await store.tasks.claim(params)
    if (tasks.length > 0) throw new TaskyardError('store_unavailable', { reason: 'lost' })
    return tasks
  })
  const { engine, clock } = await startEngine(t, {}, losing)
  const ended = assert.rejects(engine.claim(named('r1'), 5), { code: 'store_unavailable' })
  await engine.submit(TASK)
  await clock.advance(5000)
  await ended
})

/** Loses the first answer that gives tasks, and holds the next one up until the gate is opened. */
function losingFirst(opened: Promise<void>) {
  let answers = 0
  return around(async (params, store) => {
    const tasks = await store.tasks.claim(params)
    if (tasks.length === 0) return tasks
    answers += 1
    if (answers === 1) throw new TaskyardError('store_unavailable', { reason: 'lost' })
    await opened
    return tasks
  })
}

test('tasks of a long poll that nobody can repeat go back, also when an answer before was lost', async (t) => {
  const { opened, open } = gate()
  const { engine, clock } = await startEngine(t, {}, losingFirst(opened))
  const gone = new AbortController()
  const waiting = engine.claim(claimOf('worker-1'), 30, gone.signal)
  const ended = assert.rejects(waiting, { code: 'store_unavailable' })
  const { task } = await engine.submit(TASK)
  await clock.advance(1000)
  gone.abort()
  await ended
  open()
  await clock.advance(0)
  const { status, attempt } = await engine.get(task.id)
  assert.deepEqual({ status, attempt }, { status: 'queued', attempt: 0 })
})

test('whoever answers a long poll that nobody can repeat may give all of it back', async (t) => {
  const { engine, clock } = await startEngine(t, {}, losingFirst(Promise.resolve()))
  const waiting = engine.claim(claimOf('worker-1'), 30)
  const { task } = await engine.submit(TASK)
  await clock.advance(1000)
  await engine.giveBack(givenFirst(await waiting))
  assert.equal((await engine.get(task.id)).status, 'queued')
})

test('what a long poll with a name was given before does not go back: its first answer may have been heard', async (t) => {
  const { opened, open } = gate()
  const { engine, clock } = await startEngine(t, {}, losingFirst(opened))
  const gone = new AbortController()
  const ended = assert.rejects(engine.claim(named('r1'), 30, gone.signal), { code: 'store_unavailable' })
  const { task } = await engine.submit(TASK)
  await clock.advance(1000)
  gone.abort()
  await ended
  open()
  await clock.advance(0)
  assert.equal((await engine.get(task.id)).status, 'running')
})

test('a claim on which the store chokes does not hold up those that wait behind it', async (t) => {
  const choking = around(async (params, store) => {
    const tasks = await store.tasks.claim({ ...params, limit: 1 })
    if (tasks.length === 0 || params.worker.workerId !== 'bad') return tasks
    await store.tasks.settle({
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
    assert.equal((await store.reads.find({ taskIds: [task.id] }))[0]?.status, 'running')
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
    const [found] = await store.reads.find({ taskIds: [task.id] })
    assert.deepEqual([found?.status, found?.attempt], ['queued', 0])
  })
}
