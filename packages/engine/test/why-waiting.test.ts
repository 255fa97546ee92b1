import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OpenedStore, WaitingReason } from '@taskyard/core'
import { claimOf, type EngineInDefault, PAYLOAD, startCluster, startEngine, type TestBed, worker } from './test-bed.ts'

const TASK = { type: 'test', payload: PAYLOAD }
const deaf = () => {}

/** A situation, and the reasons in it, the first of which says this. */
interface Case {
  readonly when: string
  /** Answers with the id of the task that is asked about. */
  arrange(bed: TestBed): Promise<string>
  readonly codes: readonly WaitingReason['code'][]
  readonly says?: RegExp
  readonly facts?: object
}

const submit = async ({ engine }: TestBed, more: object = {}) => (await engine.submit({ ...TASK, ...more })).task.id
const ask = ({ engine }: TestBed, more: object = {}) => engine.claim({ ...claimOf('worker-1'), ...more })
const nothing = { types: ['other'] }

const CASES: readonly Case[] = [
  {
    when: 'no worker is known at all',
    arrange: (bed) => submit(bed),
    codes: ['no_worker'],
    says: /^no worker is known in namespace default; start one that handles test$/,
    facts: { type: 'test', knownTypes: [] },
  },
  {
    when: 'known workers take other types',
    async arrange(bed) {
      await ask(bed, { types: ['greet', 'email'] })
      return submit(bed)
    },
    codes: ['no_worker'],
    says: /^no known worker takes type test, from whatever queue; start one that does; they take email, greet$/,
    facts: { knownTypes: ['email', 'greet'] },
  },
  {
    when: 'the type is misspelt',
    async arrange(bed) {
      await ask(bed, { types: ['greet'] })
      return submit(bed, { type: 'gret' })
    },
    codes: ['no_worker'],
    says: /did you mean greet\?$/,
  },
  {
    when: 'workers take the type from other queues',
    async arrange(bed) {
      await ask(bed, { queues: ['b', 'a'], types: ['test'] })
      return submit(bed, { queue: 'mail' })
    },
    codes: ['other_queues'],
    says: /^workers take type test from queues a, b, none from queue mail; start one that does: taskyard work FILE --queues mail$/,
    facts: { queue: 'mail', type: 'test', takenFrom: ['a', 'b'] },
  },
  {
    when: 'the queue is paused, and nobody would take it either',
    async arrange(bed) {
      const id = await submit(bed)
      await bed.engine.pause('default')
      return id
    },
    codes: ['queue_paused', 'no_worker'],
    says: /^queue default is paused; resume it: taskyard queues resume default$/,
    facts: { queue: 'default' },
  },
  {
    when: 'it was submitted with a delay',
    async arrange(bed) {
      await ask(bed)
      return submit(bed, { delaySeconds: 90 })
    },
    codes: ['due_later'],
    says: /^it is due in 1 m 30 s, at \d{4}-\d\d-\d\dT[\d:.]+Z$/,
  },
  {
    when: 'it was submitted with a delay to a paused queue',
    async arrange(bed) {
      await ask(bed)
      const id = await submit(bed, { delaySeconds: 90 })
      await bed.engine.pause('default')
      return id
    },
    codes: ['queue_paused', 'due_later'],
  },
  {
    when: 'an attempt has failed',
    async arrange(bed) {
      const id = await submit(bed, { maxAttempts: 5 })
      const [leased] = await ask(bed)
      const error = { code: 'smtp', message: 'connection refused' }
      const outcome = {
        taskId: id,
        token: leased?.lease.token ?? 0,
        outcome: 'failed',
        error,
        retryDelaySeconds: 30,
      } as const
      await bed.engine.settle([outcome])
      return id
    },
    codes: ['backing_off'],
    says: /^attempt 1 of 5 failed \(smtp: connection refused\); the next is due in 30 s, at /,
    facts: { attempt: 1, maxAttempts: 5, error: { code: 'smtp', message: 'connection refused' } },
  },
  {
    when: 'the only worker that takes it runs a task, and says nothing of how many it runs',
    async arrange(bed) {
      await submit(bed)
      await ask(bed)
      return submit(bed)
    },
    codes: ['workers_busy'],
    says: /^the only worker that takes it is busy with 1 task; run more, or let them run more at a time$/,
    facts: { workers: 1, leases: 1 },
  },
  {
    when: 'all workers run as many tasks as they can, and others come first',
    async arrange(bed) {
      for (const [workerId, concurrency] of [
        ['a', 2],
        ['b', 1],
      ] as const) {
        bed.engine.openSession({ workerId, queues: ['default'], types: ['test'], concurrency, onCancel: deaf })
        for (let n = 0; n < concurrency; n++) await submit(bed)
        await bed.engine.claim({ ...claimOf(workerId, concurrency, true), types: ['test'] })
      }
      await submit(bed)
      return submit(bed)
    },
    codes: ['workers_busy', 'behind_others'],
    says: /^all 2 workers that take it are busy with 3 tasks/,
    facts: { workers: 2, leases: 3 },
  },
  {
    when: 'a worker has room, and others come first',
    async arrange(bed) {
      await ask(bed)
      await bed.engine.submitMany([TASK, TASK, { ...TASK, type: 'other' }])
      return submit(bed, { priority: -1 })
    },
    codes: ['behind_others'],
    says: /^2 tasks of its queue and type come before it/,
    facts: { before: 2, isAtLeast: false },
  },
  {
    when: 'nothing is in its way',
    async arrange(bed) {
      await ask(bed)
      await bed.clock.advance(20_000)
      return submit(bed)
    },
    codes: ['about_to_start'],
    says: /the last did 20 s ago$/,
    facts: { workers: 1, seenAgoSeconds: 20 },
  },
  {
    when: 'workers take every queue',
    async arrange(bed) {
      await ask(bed, { queues: ['*'] })
      return submit(bed, { queue: 'any' })
    },
    codes: ['about_to_start'],
  },
  {
    when: 'it runs',
    async arrange(bed) {
      const id = await submit(bed)
      await ask(bed)
      await bed.clock.advance(5000)
      return id
    },
    codes: ['running'],
    says: /^worker worker-1 has been running it for 5 s, attempt 1$/,
    facts: { workerId: 'worker-1', attempt: 1 },
  },
  {
    when: 'it runs and was asked to stop',
    async arrange(bed) {
      const id = await submit(bed)
      await ask(bed)
      await bed.engine.cancel(id)
      await bed.clock.advance(3000)
      return id
    },
    codes: ['cancel_requested'],
    says: /^it was asked to stop 3 s ago; worker worker-1 has yet to say that it has$/,
  },
  {
    when: 'it has ended',
    async arrange(bed) {
      const id = await submit(bed)
      await bed.engine.cancel(id)
      return id
    },
    codes: [],
  },
]

for (const { when, arrange, codes, says = /^/, facts = {} } of CASES) {
  test(`why a task waits: ${when}`, async (t) => {
    const bed = await startEngine(t)
    const id = await arrange(bed)
    const { taskId, status, reasons } = await bed.engine.waiting(id)
    assert.deepEqual({ taskId, status }, { taskId: id, status: (await bed.engine.get(id)).status })
    assert.deepEqual(
      reasons.map(({ code }) => code),
      codes,
    )
    const [first] = reasons
    if (first === undefined) return
    assert.match(first.message, says)
    assert.partialDeepStrictEqual(first, facts)
  })
}

test('more tasks come first than are counted', async (t) => {
  const most = (store: OpenedStore): OpenedStore => ({
    ...store,
    reads: { ...store.reads, position: async ({ atMost }) => atMost },
  })
  const bed = await startEngine(t, {}, most)
  await ask(bed)
  const [reason] = (await bed.engine.waiting(await submit(bed))).reasons
  assert.partialDeepStrictEqual(reason, { code: 'behind_others', before: 10_000, isAtLeast: true })
  assert.match(reason?.message ?? '', /^more than 10,000 tasks of its queue and type come before it/)
})

test('a task that is not there has no reasons', async (t) => {
  const { engine } = await startEngine(t)
  await assert.rejects(engine.waiting('01900000-0000-7000-8000-000000000000'), { code: 'task_not_found' })
})

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
    ['a', 'y'],
    ['b', 'x'],
    ['paused', 'x'],
  ] as const)
    await engine.submit({ ...TASK, queue, type })
  await engine.submit({ ...TASK, queue: 'c', type: 'y', delaySeconds: 60 })
  await engine.pause('paused')
  const { lanes, ...rest } = await engine.stuckLanes()
  assert.deepEqual(
    lanes.map(({ queue, type, reason }) => [queue, type, reason.code]),
    [
      ['a', 'y', 'no_worker'],
      ['b', 'x', 'other_queues'],
      ['paused', 'x', 'queue_paused'],
    ],
  )
  assert.deepEqual(rest, { total: 3, isComplete: true })
  await engine.submitMany(Array.from({ length: 150 }, (_, n) => ({ ...TASK, queue: 'many', type: `type-${n}` })))
  const many = await engine.stuckLanes()
  assert.deepEqual([many.lanes.length, many.total], [100, 153])
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
