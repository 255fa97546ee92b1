import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OpenedStore, WaitingCode } from '@taskyard/core'
import { crashed } from './crashed-task.ts'
import { claimOf, PAYLOAD, startEngine, type TestBed } from './test-bed.ts'

const TASK = { type: 'test', payload: PAYLOAD }
const deaf = () => {}

/** A situation, and the reasons in it, the first of which says this. */
interface Case {
  readonly when: string
  /** Answers with the id of the task that is asked about. */
  arrange(bed: TestBed): Promise<string>
  readonly codes: readonly WaitingCode[]
  readonly says?: RegExp
  readonly facts?: object
}

const submit = async ({ engine }: TestBed, more: object = {}) => (await engine.submit({ ...TASK, ...more })).task.id
const ask = ({ engine }: TestBed, more: object = {}) => engine.claim({ ...claimOf('worker-1'), ...more })

const CASES: readonly Case[] = [
  {
    when: 'no worker is known at all',
    arrange: (bed) => submit(bed),
    codes: ['no_worker'],
    says: /^no worker is known in namespace default; start one that handles test$/,
    facts: { type: 'test', knownTypes: [], knownTypesTotal: 0, meantType: null },
  },
  {
    when: 'known workers take other types',
    async arrange(bed) {
      await ask(bed, { types: ['greet', 'email'] })
      return submit(bed)
    },
    codes: ['no_worker'],
    says: /^no known worker takes type test, they take email, greet; start one that handles it$/,
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
    facts: { knownTypes: ['greet'], knownTypesTotal: 1, meantType: 'greet' },
  },
  {
    when: 'workers take the type from other queues',
    async arrange(bed) {
      await ask(bed, { queues: ['b', 'a'], types: ['test'] })
      return submit(bed, { queue: 'mail' })
    },
    codes: ['other_queues'],
    says: /^workers take type test from queues a, b, none from queue mail; start one that does: taskyard work FILE --queues mail$/,
    facts: { queue: 'mail', type: 'test', takenFrom: ['a', 'b'], takenFromTotal: 2 },
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
    facts: { before: 2, atLeast: false },
  },
  {
    when: 'workers died during it',
    async arrange(bed) {
      const id = await crashed(bed)
      await submit(bed, { priority: 1 })
      await ask(bed)
      return id
    },
    codes: ['runs_alone', 'workers_busy'],
    says: /^workers died during 2 of its attempts, so it is given out alone, to a worker that has no other such task, and starts there when nothing runs beside it, or after 10 s$/,
    facts: { crashes: 2 },
  },
  {
    when: 'workers died during it, and nobody takes it now',
    arrange: crashed,
    codes: ['no_worker'],
  },
  {
    when: 'a worker has it, during which others died',
    async arrange(bed) {
      const id = await crashed(bed)
      await ask(bed)
      return id
    },
    codes: ['running'],
    says: /; workers died during 2 of its attempts, so it may wait there, for up to 10 s, for others to end$/,
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
  assert.partialDeepStrictEqual(reason, { code: 'behind_others', before: 10_000, atLeast: true })
  assert.match(reason?.message ?? '', /^more than 10,000 tasks of its queue and type come before it/)
})

test('a task that is not there has no reasons', async (t) => {
  const { engine } = await startEngine(t)
  await assert.rejects(engine.waiting('01900000-0000-7000-8000-000000000000'), { code: 'task_not_found' })
})
