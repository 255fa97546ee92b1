import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReadyListener } from '@taskyard/core'
import { claimOf, PAYLOAD, startEngine } from './test-bed.ts'

const TASK = { type: 'test', payload: PAYLOAD }

test('a waiting claim gets the next task at once', async (t) => {
  const { engine } = await startEngine(t)
  const waiting = engine.claim(claimOf('worker-1'), 30)
  const { task } = await engine.submit(TASK)
  assert.deepEqual(
    (await waiting).map(({ id }) => id),
    [task.id],
  )
})

test('a waiting claim of every queue gets the first task of a queue that is new', async (t) => {
  const { engine } = await startEngine(t)
  const waiting = engine.claim({ ...claimOf('worker-1'), queues: ['*', 'named'] }, 30)
  const { task } = await engine.submit({ ...TASK, queue: 'new' })
  assert.deepEqual(
    (await waiting).map(({ id }) => id),
    [task.id],
  )
})

test('waiting claims are served in their order, one task each', async (t) => {
  const { engine } = await startEngine(t)
  const served: string[] = []
  const waiting = ['a', 'b', 'c'].map(async (name) => {
    const tasks = await engine.claim(claimOf(name), 30)
    served.push(...tasks.map(({ workerId }) => workerId as string))
  })
  await engine.submitMany([TASK, TASK, TASK])
  await Promise.all(waiting)
  assert.deepEqual(served, ['a', 'b', 'c'])
})

test('a wake-up is answered with a claim at once, while it is being told', async (t) => {
  let tell: ReadyListener = () => assert.fail('nobody listens')
  let claims = 0
  const { engine, clock } = await startEngine(t, {}, (store) => ({
    ...store,
    wakeUps: {
      ...store.wakeUps,
      subscribe(listener) {
        tell = listener
        return store.wakeUps.subscribe(listener)
      },
    },
    tasks: {
      ...store.tasks,
      claim(params) {
        claims += 1
        return store.tasks.claim(params)
      },
    },
  }))
  void engine.claim(claimOf('worker-1'), 30)
  await clock.advance(0)
  const before = claims
  tell([{ namespace: 'default', queue: 'default', type: 'test' }])
  assert.equal(claims, before + 1)
})

test('many different waiting claims look for themselves in turn, few at a time', async (t) => {
  const looks: string[] = []
  let underWay = 0
  let mostUnderWay = 0
  const { engine, clock } = await startEngine(t, {}, (store) => ({
    ...store,
    tasks: {
      ...store.tasks,
      async claim(params) {
        looks.push(params.types?.[0] ?? '')
        underWay += 1
        mostUnderWay = Math.max(mostUnderWay, underWay)
        const tasks = await store.tasks.claim(params)
        underWay -= 1
        return tasks
      },
    },
  }))
  const types = Array.from({ length: 450 }, (_, n) => `type-${n}`)
  for (const type of types) void engine.claim({ ...claimOf('worker-1'), types: [type] }, 60)
  await clock.advance(0)
  looks.length = 0
  mostUnderWay = 0
  const seen = new Set<string>()
  for (let second = 1; second <= 6; second++) {
    await clock.advance(1000)
    assert.ok(looks.length <= 100, `${looks.length} looks in a second`)
    for (const type of looks.splice(0)) seen.add(type)
  }
  assert.equal(seen.size, types.length)
  assert.ok(mostUnderWay <= 2, `${mostUnderWay} looks at a time`)
})

test('looks that do not end hold up no others', async (t) => {
  const looks = new Map<string, number>()
  const { promise: none, resolve: end } = Promise.withResolvers<never[]>()
  const { engine, clock } = await startEngine(t, {}, (store) => ({
    ...store,
    tasks: {
      ...store.tasks,
      claim(params) {
        const type = params.types?.[0] ?? ''
        const look = (looks.get(type) ?? 0) + 1
        looks.set(type, look)
        return type.startsWith('slow') && look > 1 ? none : store.tasks.claim(params)
      },
    },
  }))
  for (const type of ['slow-1', 'slow-2', 'slow-3', 'other']) {
    void engine.claim({ ...claimOf('worker-1'), types: [type] }, 60)
  }
  await clock.advance(4000)
  end([])
  assert.deepEqual([looks.get('slow-1'), looks.get('slow-2'), looks.get('slow-3')], [2, 2, 2])
  assert.ok((looks.get('other') ?? 0) >= 3, `${looks.get('other')} looks`)
})

test('a claim ends with no tasks when its wait is over', async (t) => {
  const { engine, clock } = await startEngine(t)
  const waiting = engine.claim(claimOf('worker-1'), 5)
  await clock.advance(5000)
  assert.deepEqual(await waiting, [])
})

test('a claim whose caller went away takes no task with it', async (t) => {
  const { engine } = await startEngine(t)
  const gone = new AbortController()
  const waiting = engine.claim(claimOf('worker-1'), 30, gone.signal)
  gone.abort()
  assert.deepEqual(await waiting, [])
  const { task } = await engine.submit(TASK)
  const [claimed] = await engine.claim(claimOf('worker-2'))
  assert.deepEqual([claimed?.id, claimed?.attempt], [task.id, 1])
})

test('a task claimed for a caller that left meanwhile is given back with its attempt', async (t) => {
  const { engine } = await startEngine(t)
  await engine.submit(TASK)
  const gone = new AbortController()
  const claiming = engine.claim(claimOf('worker-1'), 0, gone.signal)
  gone.abort()
  assert.deepEqual(await claiming, [])
  const [claimed] = await engine.claim(claimOf('worker-2'))
  assert.deepEqual([claimed?.attempt, claimed?.crashes], [1, 0])
})

test('a claim for other types is not served', async (t) => {
  const { engine, clock } = await startEngine(t)
  const waiting = engine.claim({ ...claimOf('worker-1'), types: ['other'] }, 2)
  await engine.submit(TASK)
  await clock.advance(2000)
  assert.deepEqual(await waiting, [])
})

test('resuming a queue serves those who wait', async (t) => {
  const { engine } = await startEngine(t)
  await engine.pause('default')
  await engine.submit(TASK)
  const waiting = engine.claim(claimOf('worker-1'), 30)
  await engine.resume('default')
  assert.equal((await waiting).length, 1)
})

test('a delayed task reaches a waiting claim when it is due', async (t) => {
  const { engine, clock } = await startEngine(t)
  const waiting = engine.claim(claimOf('worker-1'), 30)
  await engine.submit({ ...TASK, delaySeconds: 7 })
  let served = 0
  void waiting.then((tasks) => {
    served = tasks.length
  })
  await clock.advance(6900)
  assert.equal(served, 0)
  await clock.advance(101)
  assert.equal((await waiting).length, 1)
})

test('stopping ends waiting claims with no tasks', async (t) => {
  const { engine } = await startEngine(t)
  const waiting = engine.claim(claimOf('worker-1'), 30)
  await engine.stop()
  assert.deepEqual(await waiting, [])
})

const WRONG_CLAIMS = [
  [{ limit: 0 }, '/limit'],
  [{ limit: 1001 }, '/limit'],
  [{ queues: [] }, '/queues'],
  [{ queues: ['a', 'a b'] }, '/queues/1'],
  [{ types: [''] }, '/types/0'],
  [{ leaseSeconds: 0 }, '/leaseSeconds'],
  [{ leaseSeconds: 3601 }, '/leaseSeconds'],
  [{ worker: { workerId: '', nodeId: null, session: false } }, '/workerId'],
] as const

for (const [wrong, path] of WRONG_CLAIMS) {
  test(`a claim with ${JSON.stringify(wrong)} is refused with ${path}`, async (t) => {
    const { engine } = await startEngine(t)
    await assert.rejects(engine.claim({ ...claimOf('worker-1'), ...wrong }), (error: unknown) => {
      assert.equal((error as { violations: { path: string }[] }).violations[0]?.path, path)
      return true
    })
  })
}
