import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Client, type ClientOptions } from '@taskyard/client'
import type { LeasedTaskDocument, TaskContext } from '@taskyard/core'
import { fakeServer, json } from './fake-server.ts'
import { databaseFile, startRealServer } from './real-server.ts'

const handlers = {
  double: (task: LeasedTaskDocument<{ n: number }>) => ({ doubled: task.payload.n * 2 }),
  report: async (_: LeasedTaskDocument<null>, { progress, log }: TaskContext) => {
    progress({ percent: 50 })
    log('halfway')
    return 'done'
  },
}

async function open(t: TestContext, options: Partial<ClientOptions> = {}) {
  const server = await startRealServer(await databaseFile(t))
  const client = new Client<typeof handlers>({ url: server.url, ...options })
  t.after(async () => {
    await client.close()
    await server.stop()
  })
  return { server, client }
}

test('a task goes from submit over a worker to its result', async (t) => {
  const { client } = await open(t)
  client.work(handlers)
  const submitted = await client.submit('double', { n: 21 }, { tags: ['t'], queue: 'default', priority: 5 })
  assert.equal(submitted.status, 'queued')
  const task = await client.wait(submitted)
  assert.equal(task.status, 'succeeded')
  assert.equal(task.result?.doubled, 42)
})

test('wait answers with the task as it is when the time is over or the signal aborts', async (t) => {
  const { client } = await open(t)
  const { id } = await client.submit('double', { n: 1 })
  assert.equal((await client.wait(id, { timeoutSeconds: 0.1 })).status, 'queued')
  assert.equal((await client.wait(id, { signal: AbortSignal.timeout(100) })).status, 'queued')
  assert.equal((await client.wait(id, { signal: AbortSignal.abort() })).status, 'queued')
})

test('wait takes what submitMany answered, and refuses what names no task', async (t) => {
  const { client } = await open(t)
  const [first] = await client.submitMany([{ type: 'double', payload: { n: 1 } }])
  assert.equal((await client.wait(first as { id: string }, { timeoutSeconds: 0 })).status, 'queued')
  const isRefused = { code: 'invalid_request', message: 'wait takes a task or its id, not undefined' }
  await assert.rejects(client.wait(undefined as never), isRefused)
  await assert.rejects(client.submitMany('all' as never), { code: 'invalid_request' })
})

test('the same idempotency key adds one task; without a key each call adds one', async (t) => {
  const { client } = await open(t)
  const first = await client.submit('double', { n: 1 }, { idempotencyKey: 'k' })
  const second = await client.submit('double', { n: 1 }, { idempotencyKey: 'k' })
  const third = await client.submit('double', { n: 1 })
  assert.equal(second.id, first.id)
  assert.notEqual(third.id, first.id)
  assert.match(String(third.idempotencyKey), /^auto-[0-9a-f-]{36}$/)
  await assert.rejects(client.submit('double', { n: 2 }, { idempotencyKey: 'k' }), { code: 'idempotency_conflict' })
})

test('listAll goes through every page, list gives one', async (t) => {
  const { client } = await open(t)
  const tasks = Array.from({ length: 25 }, (_, n) => ({ type: 'double', payload: { n } }) as const)
  const submitted = await client.submitMany(tasks)
  assert.deepEqual(new Set(submitted.map(({ status }) => status)), new Set(['queued']))
  const page = await client.list({ limit: 10, createdAfter: new Date(0) })
  assert.equal(page.items.length, 10)
  const ids: string[] = []
  for await (const { id } of client.listAll({ limit: 10 })) ids.push(id)
  assert.deepEqual(ids.toSorted(), submitted.map(({ id }) => id).toSorted())
})

test('events tells the history, watch tells it live until the end', async (t) => {
  const { client } = await open(t)
  const { id } = await client.submit('report', null)
  const watched = Array.fromAsync(client.watch(id))
  client.work(handlers)
  const live = await watched
  assert.deepEqual(
    live.map(({ kind }) => kind),
    ['submitted', 'started', 'progress', 'log', 'succeeded'],
  )
  assert.deepEqual(await client.events(id), live)
  assert.deepEqual(
    (await Array.fromAsync(client.watch(id, { after: 4 }))).map(({ n }) => n),
    [5],
  )
})

test('watch ends quietly when its signal aborts', async (t) => {
  const { client } = await open(t)
  const { id } = await client.submit('report', null)
  const stop = new AbortController()
  const kinds: string[] = []
  for await (const { kind } of client.watch(id, { signal: stop.signal })) {
    kinds.push(kind)
    stop.abort()
  }
  assert.deepEqual(kinds, ['submitted'])
})

test('cancel reaches a running handler at once, long before its heartbeat', async (t) => {
  const { client } = await open(t)
  const started = Promise.withResolvers<void>()
  let code: unknown
  const worker = client.work(
    {
      double: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            code = signal.reason.code
            reject(signal.reason)
          })
          started.resolve()
        }),
    },
    { leaseSeconds: 600 },
  )
  const { id } = await client.submit('double', { n: 1 })
  await started.promise
  await client.cancel(id)
  assert.equal((await client.wait(id, { timeoutSeconds: 5 })).status, 'cancelled')
  assert.equal(code, 'cancelled')
  await worker.stop()
  assert.equal((await client.retry(id)).attempt, 0)
})

test('bulk operations answer how many they touched', async (t) => {
  const { client } = await open(t)
  await client.submitMany([
    { type: 'double', payload: { n: 1 }, tags: ['a'] },
    { type: 'double', payload: { n: 2 }, tags: ['b'] },
  ])
  assert.equal(await client.cancelMatching({ tag: 'a', createdAfter: new Date(0) }), 1)
  assert.equal(await client.retryMatching({ status: 'cancelled' }), 1)
})

test('delete answers nothing, and refuses what has not ended', async (t) => {
  const { client } = await open(t)
  const { id } = await client.submit('double', { n: 1 }, { tags: ['a'] })
  await assert.rejects(client.delete(id), { code: 'not_deletable' })
  await client.cancel(id)
  assert.equal(await client.delete(id), undefined)
  await assert.rejects(client.delete(id), { code: 'task_not_found' })
  await client.cancel((await client.submit('double', { n: 1 }, { tags: ['a'] })).id)
  assert.equal(await client.deleteMatching({ tag: 'a' }, { dryRun: true }), 1)
  assert.equal(await client.deleteMatching({ tag: 'a', status: 'cancelled' }), 1)
  await assert.rejects(client.deleteMatching({ status: 'queued' }), { code: 'invalid_request' })
})

test('queues, pause and resume, workers and info', async (t) => {
  const { client } = await open(t)
  const worker = client.work(handlers, { concurrency: 7, workerId: 'w-1' })
  await client.wait(await client.submit('double', { n: 1 }))
  await client.pause('default')
  assert.equal((await client.queue('default')).paused, true)
  await client.resume('default')
  const [queue] = await client.queues()
  assert.equal(queue?.paused, false)
  assert.equal(queue?.counts.succeeded, 1)
  const [shown] = await client.workers()
  assert.deepEqual(
    [shown?.workerId, shown?.concurrency, shown?.connected, shown?.types?.toSorted()],
    ['w-1', 7, true, ['double', 'report']],
  )
  await worker.stop()
  assert.equal((await client.info()).name, 'taskyard')
})

test('refusals arrive with code, words and places', async (t) => {
  const { client } = await open(t)
  const missing = '019aa7c4-0f5e-7cc3-98f5-0c6b9b3c1d2e'
  await assert.rejects(client.get(missing), { name: 'TaskyardError', code: 'task_not_found', status: 404 })
  await assert.rejects(client.wait(missing), { code: 'task_not_found' })
  await assert.rejects(client.events(missing), { code: 'task_not_found' })
  await assert.rejects(Array.fromAsync(client.watch(missing)), { code: 'task_not_found' })
  await assert.rejects(client.queue('nothing'), { code: 'queue_not_found' })
  await assert.rejects(client.cancelMatching({}), { code: 'invalid_request' })
  await assert.rejects(client.submit('double', { n: 1 }, { priority: 5000 }), (error: unknown) => {
    assert.ok(error instanceof Error && 'violations' in error)
    assert.equal((error.violations as { path: string }[])[0]?.path, '/priority')
    return true
  })
})

test('payloads and results that look dangerous come back as data', async (t) => {
  const { client } = await open(t)
  const payload = JSON.parse('{"__proto__":{"polluted":true},"text":"\\u0000é"}')
  client.work({ double: (task): never => task.payload as never })
  const task = await client.wait(await client.submit('double', payload))
  assert.equal(JSON.stringify(task.result), JSON.stringify(payload))
})

test('results that are large together but not each are settled in several requests', async (t) => {
  const { client } = await open(t)
  client.work({ double: () => ({ doubled: 'x'.repeat(400_000) as never }) }, { concurrency: 10 })
  const tasks = await client.submitMany(Array.from({ length: 10 }, (_, n) => ({ type: 'double', payload: { n } })))
  for (const { id } of tasks) assert.equal((await client.wait(id)).status, 'succeeded')
})

test('a result nested deeper than the server takes fails its task alone, and says why', async (t) => {
  const { client } = await open(t)
  client.work(
    { double: (task): never => (task.payload.n === 0 ? nested(100) : 'fine') as never },
    { onError: () => {} },
  )
  const tasks = await client.submitMany([0, 1, 2].map((n) => ({ type: 'double', payload: { n } }) as const))
  const ended = await Promise.all(tasks.map(({ id }) => client.wait(id)))
  assert.deepEqual(
    ended.map(({ status, error }) => error?.code ?? status),
    ['too_deep', 'succeeded', 'succeeded'],
  )
})

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)]
}

test('a transaction does not travel over HTTP', async () => {
  const client = new Client({ url: 'http://127.0.0.1:1', retrySeconds: 0 })
  await assert.rejects(client.submit('test', {}, { tx: {} }), { code: 'transaction_unsupported' })
  await assert.rejects(client.submitMany([{ type: 'test', payload: {} }], { tx: {} }), {
    code: 'transaction_unsupported',
  })
  await client.close()
})

test('an operation by filter goes on until its last part', async (t) => {
  const { url, seen } = await fakeServer(t, (n, _, response) =>
    n < 2 ? json(response, { matched: 5, done: false, cursor: `c${n}` }, 202) : json(response, { matched: 1 }),
  )
  const told: number[] = []
  const matched = await new Client({ url }).retryMatching({ type: 'a' }, { onProgress: (n) => told.push(n) })
  assert.deepEqual([matched, told], [11, [5, 10]])
  assert.deepEqual(
    seen.map(({ body }) => JSON.parse(body)),
    [{ type: 'a' }, { type: 'a', cursor: 'c0' }, { type: 'a', cursor: 'c1' }],
  )
})

test('what is over the limit of a body is refused before it is sent', async (t) => {
  const { url, seen } = await fakeServer(t, (_n, _seen, response) => json(response, {}))
  const client = new Client({ url })
  const refused = { code: 'too_large', retryable: false, definite: true, message: /1048576 bytes/ }
  const tasks = Array.from({ length: 500 }, () => ({ type: 't', payload: 'x'.repeat(10_000) }))
  await assert.rejects(client.submitMany(tasks), refused)
  await assert.rejects(client.submit('t', 'ü'.repeat(600_000)), refused)
  assert.deepEqual(seen, [])
})

test('https:// to a server that speaks HTTP is told in words', async (t) => {
  const { server } = await open(t)
  const client = new Client({ url: server.url.replace('http:', 'https:'), retrySeconds: 0 })
  t.after(() => client.close())
  const words = /cannot be reached: it speaks plain HTTP: write http:\/\/ instead of https:\/\/$/
  await assert.rejects(client.info(), words)
})
