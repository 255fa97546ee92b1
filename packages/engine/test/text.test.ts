import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type JsonText, type LeaseRef, LIMITS, type TaskError } from '@taskyard/core'
import type { ListRequest, OpenSession, UseCases } from '../src/index.ts'
import { claimOf, PAYLOAD, startEngine } from './test-bed.ts'

const TASK = { type: 'test', payload: PAYLOAD }
const NEVER_ABORTED = new AbortController().signal

/** A claimed task, as a client that prints ids in upper case names it. */
async function started(engine: UseCases): Promise<LeaseRef> {
  const { task } = await engine.submit(TASK)
  const [leased] = await engine.claim(claimOf('worker-1'))
  return { taskId: task.id.toUpperCase(), token: leased?.lease.token ?? 0 }
}

test('a task is read, waited for and watched by its id in upper case', async (t) => {
  const { engine } = await startEngine(t)
  const lease = await started(engine)
  assert.equal((await engine.get(lease.taskId)).status, 'running')
  assert.equal((await engine.history(lease.taskId)).length, 2)
  const waiting = engine.wait(lease.taskId, 60)
  const kinds: string[] = []
  const watching = (async () => {
    for await (const { kind } of engine.watch(lease.taskId, 0, NEVER_ABORTED)) kinds.push(kind)
  })()
  await engine.settle([{ ...lease, outcome: 'succeeded' }])
  assert.equal((await waiting).status, 'succeeded')
  await watching
  assert.deepEqual(kinds, ['submitted', 'started', 'succeeded'])
})

for (const outcome of ['succeeded', 'failed', 'cancelled', 'released'] as const) {
  test(`a lease named in upper case is extended, recorded and ${outcome}`, async (t) => {
    const { engine } = await startEngine(t)
    const lease = await started(engine)
    assert.deepEqual(await engine.heartbeat([lease]), ['ok'])
    assert.deepEqual(await engine.record([{ ...lease, log: 'x' }]), ['ok'])
    assert.equal((await engine.settle([{ ...lease, outcome }])).results[0]?.status, 'ok')
    const repeated = await engine.settle([{ ...lease, taskId: lease.taskId.toLowerCase(), outcome }])
    assert.equal(repeated.results[0]?.status, 'ok')
  })
}

test('a task is cancelled and retried by its id in upper case, and its worker hears', async (t) => {
  const { engine } = await startEngine(t)
  const told: string[] = []
  engine.openSession({ workerId: 'worker-1', onCancel: (taskId) => void told.push(taskId) })
  const lease = await started(engine)
  await engine.cancel(lease.taskId)
  assert.deepEqual(told, [lease.taskId.toLowerCase()])
  await engine.settle([{ ...lease, outcome: 'cancelled' }])
  assert.equal((await engine.retry(lease.taskId)).status, 'queued')
})

const NO_IDS = ['', 'x', '\0', '\ud800', '{01900000-0000-7000-8000-000000000000}', 'x'.repeat(1_048_576)]

test('what is no id is no task', async (t) => {
  const { engine } = await startEngine(t)
  const lease = await started(engine)
  for (const id of NO_IDS) {
    for (const call of [engine.get, engine.cancel, engine.retry, engine.history]) {
      await assert.rejects(call(id), { code: 'task_not_found' })
    }
    const leases = [{ taskId: id, token: 1 }, lease]
    assert.deepEqual(await engine.heartbeat(leases), ['lost', 'ok'])
    assert.deepEqual(await engine.record(leases.map((each) => ({ ...each, log: 'x' }))), ['lost', 'ok'])
  }
})

const ERRORS: readonly (readonly [what: string, sent: TaskError, kept: TaskError])[] = [
  [
    'U+0000',
    { code: 'a\0', message: '\0b', stack: 'c\0d' },
    { code: 'a\ufffd', message: '\ufffdb', stack: 'c\ufffdd' },
  ],
  ['halves of characters', { code: '\ud800', message: 'x\udc00' }, { code: '\ufffd', message: 'x\ufffd' }],
  [
    'a character across the limit',
    { code: `${'c'.repeat(127)}é`, message: `${'a'.repeat(8191)}😀 and more` },
    { code: 'c'.repeat(127), message: 'a'.repeat(8191) },
  ],
  [
    'many bytes in few characters',
    { code: 'c', message: '€'.repeat(8192), stack: '😀'.repeat(8192) },
    { code: 'c', message: '€'.repeat(2730), stack: '😀'.repeat(2048) },
  ],
]

for (const [what, sent, kept] of ERRORS) {
  test(`an error with ${what} is mended, and the task readable while it waits for its next attempt`, async (t) => {
    const { engine } = await startEngine(t)
    const lease = await started(engine)
    await engine.settle([{ ...lease, outcome: 'failed', error: sent }])
    const task = await engine.get(lease.taskId)
    assert.equal(task.status, 'scheduled')
    assert.deepEqual(task.error, kept)
  })
}

test('log lines are mended', async (t) => {
  const { engine } = await startEngine(t)
  const lease = await started(engine)
  await engine.record([{ ...lease, log: 'a\0b\ud800' }])
  await engine.record([{ ...lease, log: '\0'.repeat(LIMITS.logBytes) }])
  const lines = (await engine.history(lease.taskId)).filter(({ kind }) => kind === 'log').map(({ data }) => data)
  assert.deepEqual(
    lines,
    ['a\ufffdb\ufffd', '\ufffd'.repeat(5461)].map((line) => JSON.stringify({ line })),
  )
})

const euros = (bytes: number) => '€'.repeat(Math.ceil(bytes / 3))

test('limits named bytes count bytes', async (t) => {
  const { engine } = await startEngine(t)
  const lease = await started(engine)
  const tooLong = { code: 'invalid_request' }
  await assert.rejects(engine.record([{ ...lease, log: euros(LIMITS.logBytes + 1) }]), tooLong)
  await assert.rejects(engine.record([{ ...lease, progress: `"${euros(LIMITS.progressBytes)}"` as JsonText }]), tooLong)
  const result = `"${euros(LIMITS.resultBytes)}"` as JsonText
  await assert.rejects(engine.settle([{ ...lease, outcome: 'succeeded', result }]), tooLong)
  const fitting = `"${'€'.repeat((LIMITS.progressBytes - 4) / 3)}é"` as JsonText
  assert.deepEqual(await engine.record([{ ...lease, progress: fitting, log: 'x'.repeat(LIMITS.logBytes) }]), ['ok'])
})

const WRONG_FILTERS: readonly (readonly [filter: ListRequest, path: string])[] = [
  [{ queue: '' }, '/queue'],
  [{ queue: 'a\0b' }, '/queue'],
  [{ type: '' }, '/type'],
  [{ type: 'a b' }, '/type'],
  [{ tag: '' }, '/tag'],
  [{ tag: '\0' }, '/tag'],
  [{ tag: '\ud800' }, '/tag'],
  [{ tag: 'x'.repeat(129) }, '/tag'],
  [{ status: 'done' as 'queued' }, '/status'],
  [{ status: [] }, '/status'],
  [{ status: ['failed', 'done' as 'queued'] }, '/status'],
  [{ status: 7 as unknown as 'queued' }, '/status'],
  [{ errorCode: '' }, '/errorCode'],
  [{ errorCode: 'a\0b' }, '/errorCode'],
  [{ errorCode: '\udc00' }, '/errorCode'],
  [{ errorCode: '€'.repeat(43) }, '/errorCode'],
  [{ errorCode: 404 as unknown as string }, '/errorCode'],
  [{ createdAfter: Number.NaN }, '/createdAfter'],
  [{ createdBefore: 1e300 }, '/createdBefore'],
]

for (const [filter, path] of WRONG_FILTERS) {
  test(`a filter that no task can match is refused in every call: ${JSON.stringify(filter).slice(0, 30)}`, async (t) => {
    const { engine } = await startEngine(t)
    const calls = [() => engine.list(filter), () => engine.cancelMatching(filter), () => engine.retryMatching(filter)]
    for (const call of calls) {
      await assert.rejects(
        async () => call(),
        (error: { code: string; violations: { path: string }[] }) => {
          assert.equal(error.violations[0]?.path, path)
          return error.code === 'invalid_request'
        },
      )
    }
  })
}

const WRONG_SESSIONS: readonly (readonly [session: Partial<OpenSession>, path: string])[] = [
  [{ workerId: '\0' }, '/workerId'],
  [{ workerId: 'x\ud800' }, '/workerId'],
  [{ workerId: '' }, '/workerId'],
  [{ workerId: '\u001b[2J' }, '/workerId'],
  [{ queues: ['a', ''] }, '/queues/1'],
  [{ types: ['\u001b[2J'] }, '/types/0'],
  [{ concurrency: 0 }, '/concurrency'],
  [{ concurrency: 1e300 }, '/concurrency'],
]

for (const [wrong, path] of WRONG_SESSIONS) {
  test(`a session with ${JSON.stringify(wrong)} is refused`, async (t) => {
    const { engine } = await startEngine(t)
    assert.throws(
      () => engine.openSession({ workerId: 'worker-1', onCancel() {}, ...wrong }),
      (error: { violations: { path: string }[] }) => error.violations[0]?.path === path,
    )
    assert.deepEqual((await engine.workers()).workers, [])
  })
}

test('submissions beside one with a tag that cannot be kept are accepted', async (t) => {
  const { engine } = await startEngine(t)
  const answers = await Promise.allSettled(
    Array.from({ length: 40 }, (_, i) => engine.submit(i === 20 ? { ...TASK, tags: ['\0'] } : TASK)),
  )
  assert.deepEqual(
    [...answers.keys()].filter((i) => answers[i]?.status === 'rejected'),
    [20],
  )
})
