import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Client, type Taskyard as OpenTaskyard, Taskyard, type TaskyardApi, TaskyardError } from '@taskyard/taskyard'
import { startServerProcess, temporaryFolder } from './support/taskyard-process.ts'

// Callers in JavaScript give what the types forbid. A program that opens a store and one that asks a server are told the same, before
// anything is changed.

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let server: Awaited<ReturnType<typeof startServerProcess>>
let embedded: OpenTaskyard
let client: Client

before(async () => {
  folder = await temporaryFolder()
  server = await startServerProcess({ store: join(folder.path, 'server.db') })
  client = new Client({ url: server.url })
  embedded = await Taskyard.open({ store: 'sqlite::memory:' })
})
after(async () => {
  await embedded.close()
  await client.close()
  await server.stop()
  await folder.remove()
})

// biome-ignore lint/suspicious/noExplicitAny: whatever a caller without a compiler may give
type Anything = any
type Call = (api: TaskyardApi) => unknown
type Refusal = readonly [what: string, call: Call, message: RegExp]

const submit =
  (options: Anything, payload: Anything = 1): Call =>
  (api) =>
    api.submit('odd', payload, options)
const submitOne =
  (task: Anything, options?: Anything): Call =>
  (api) =>
    api.submitMany([task], options)

const OPTIONS: readonly Refusal[] = [
  ['a misspelt option', submit({ maxAttemps: 3 }), /^\/maxAttemps: is not known here; .*did you mean maxAttempts\?/],
  ['a number as a text', submit({ delaySeconds: '5' }), /^\/delaySeconds: a number of seconds from 0 to/],
  ['a fraction of an attempt', submit({ maxAttempts: 1.5 }), /^\/maxAttempts: a whole number from 1 to 1000/],
  ['a NaN', submit({ timeoutSeconds: Number.NaN }), /^\/timeoutSeconds: a number of seconds/],
  ['null for a priority', submit({ priority: null }), /^\/priority: a whole number/],
  ['a priority beyond its bound', submit({ priority: 5000 }), /^\/priority: a whole number from -1000 to 1000/],
  ['a queue that is no name', submit({ queue: 'my queue' }), /^\/queue: a queue has 1 to 128 letters/],
  ['a tag instead of tags', submit({ tags: 'a' }), /^\/tags: a list of at most 20 tags/],
  [
    'an unknown field of the backoff',
    submit({ backoff: { base: 1 } }),
    /^\/backoff\/base: is not known here; known are kind/,
  ],
  ['a key with a blank', submit({ idempotencyKey: 'a b' }), /^\/idempotencyKey: 1 to 255 printable ASCII/],
  ['a time and a delay', submit({ runAt: new Date(), delaySeconds: 1 }), /^\/runAt: not together with delaySeconds/],
  ['several faults', submit({ priority: '1', tags: [''] }), /^\/priority: .*; \/tags\/0: a tag has at least 1/],
  ['null for options', submit(null), /^the options of a submission must be an object, not null/],
  ['a type that is none', (api) => api.submit(undefined as Anything, 1), /^\/type: a type has 1 to 128/],
]

const PAYLOADS: readonly Refusal[] = [
  ['no payload', (api) => api.submit('odd', undefined), /^\/payload: undefined has no JSON form; say null/],
  ['a Map', submit({}, new Map([[1, 2]])), /^\/payload: JSON would lose what a Map holds/],
  ['a Set inside', submit({}, { to: [new Set([1])] }), /^\/payload\/to\/0: JSON would lose what a Set holds/],
  ['undefined in a list', submit({}, [1, undefined]), /^\/payload\/1: undefined has no JSON form; say null/],
  ['a function', submit({}, { done: () => 1 }), /^\/payload\/done: a function has no JSON form/],
  ['a promise', submit({}, { user: Promise.resolve(1) }), /^\/payload\/user: .*Promise.*; await it/],
  ['a BigInt', submit({}, { n: 1n }), /^\/payload\/n: a bigint has no JSON form; give it as a text/],
  ['a value that holds itself', submit({}, cycle()), /^\/payload\/self: what holds itself has no JSON form/],
  ['more levels than a body has', submit({}, nested(64)), /nests deeper than 64 levels/],
  ['a Map in a batch', submitOne({ type: 'odd', payload: new Map() }), /^\/tasks\/0\/payload: JSON would lose/],
]

const BATCHES: readonly Refusal[] = [
  [
    'a batch that is none',
    (api) => api.submitMany({} as Anything),
    /^submitMany takes an array of tasks, not an object/,
  ],
  ['a task that is none', submitOne('odd'), /^\/tasks\/0 must be an object, not a string/],
  ['a task without a payload', submitOne({ type: 'odd' }), /^\/tasks\/0\/payload: undefined has no JSON form/],
  ['a misspelt option of a task', submitOne({ type: 'odd', payload: 1, tag: 'a' }), /^\/tasks\/0\/tag: .*mean tags\?/],
  [
    'a misspelt payload of a task',
    submitOne({ type: 'odd', payloa: 1 }),
    /^\/tasks\/0\/payloa: .*known are type, payload, .*did you mean payload\?/,
  ],
  ['an option of a submission', submitOne({ type: 'odd', payload: 1 }, { queue: 'a' }), /^\/queue: .*known are tx/],
  ['an empty batch', (api) => api.submitMany([]), /^the batch is empty/],
  ['1001 tasks', (api) => api.submitMany(Array(1001).fill({ type: 'odd', payload: 1 })), /^A call takes at most 1000/],
]

const READS: readonly Refusal[] = [
  ['no status at all', (api) => api.list({ status: [] }), /^\/status: one of .*, or a list of them/],
  ['a code that is none', (api) => api.list({ errorCode: '' }), /^\/errorCode: a text of at most 128 bytes/],
  [
    'a word as a flag',
    (api) => api.cancelMatching({ type: 'a' }, { dryRun: 'no' as Anything }),
    /^\/dryRun: true or false/,
  ],
  [
    'a misspelt filter',
    (api) => api.list({ tags: 'a' } as Anything),
    /^\/tags: is not known here; .*did you mean tag\?/,
  ],
  ['a status that is none', (api) => api.list({ status: 'done' as Anything }), /^\/status: one of blocked, scheduled/],
  ['null in a filter', (api) => api.list({ type: null as Anything }), /^\/type: a type has/],
  ['a limit beyond its bound', (api) => api.list({ limit: 1000 }), /^\/limit: a whole number from 1 to 200/],
  ['all pages of a misspelt filter', (api) => firstOf(api.listAll({ stat: 1 } as Anything)), /^\/stat: is not known/],
  [
    'null in the filter of a cancel',
    (api) => api.cancelMatching({ type: null as Anything, tag: 'a' }),
    /^\/type: a type/,
  ],
  ['a filter that leaves all', (api) => api.retryMatching({ type: undefined as Anything }), /^name at least one of/],
  ['an id that is none', (api) => api.get({} as Anything), /^get takes the id of a task, not an object/],
  ['a task to cancel', (api) => api.cancel(undefined as Anything), /^cancel takes the id of a task, not undefined/],
  ['nothing to wait for', (api) => api.wait(undefined as Anything), /^wait takes a task or its id, not undefined/],
  [
    'nothing to have the result of',
    (api) => api.result({} as Anything),
    /^result takes a task or its id, not an object/,
  ],
  ['a promise of a task', (api) => api.result(Promise.resolve() as Anything), /not a Promise; await it$/],
  ['a time-out as a text', (api) => api.wait('x', { timeoutSeconds: '5' as Anything }), /^\/timeoutSeconds: a number/],
  ['a NaN of seconds', (api) => api.wait('x', { timeoutSeconds: Number.NaN }), /^\/timeoutSeconds: a number of sec/],
  [
    'a controller as a signal',
    (api) => api.wait('x', { signal: new AbortController() as Anything }),
    /^\/signal: an Ab/,
  ],
  ['a misspelt option of a wait', (api) => api.wait('x', { timeout: 5 } as Anything), /^\/timeout: .*timeoutSeconds/],
  ['a watch from nowhere', (api) => firstOf(api.watch('x', { after: -1 })), /^\/after: the n of an event, or 0/],
  ['a watch of nothing', (api) => firstOf(api.watch(7 as Anything)), /^watch takes the id of a task, not a number/],
  ['a queue that is none', (api) => api.pause(''), /^\/queue: a queue has 1 to 128/],
  [
    'a transaction to wait in',
    (api) => api.submitAndWait('odd', 1, { tx: {} } as Anything),
    /^\/tx: is not known here; .*waitSeconds/,
  ],
]

const WORKERS: readonly Refusal[] = [
  ['a queue instead of queues', (api) => api.work({}, { queues: 'default' as Anything }), /queues is not an array/],
  ['an object of no handlers', (api) => api.work({}), /^worker: no handlers were given$/],
  ['no handlers', (api) => api.work(undefined as Anything), /handlers are an object/],
  [
    'concurrency as a text',
    (api) => api.work(odd, { concurrency: '5' as Anything }),
    /concurrency is not a whole number: 5/,
  ],
  [
    'a drain as a text',
    (api) => api.work(odd, { drainSeconds: '5' as Anything }),
    /drainSeconds is not a number from 0/,
  ],
  ['a misspelt option', (api) => api.work(odd, { queue: ['a'] } as Anything), /queue is no option; there are/],
  ['an id that is no name', (api) => api.work(odd, { workerId: 'a b' }), /workerId is "a b"; a worker id has/],
  [
    'the id of one that runs',
    async (api) => {
      await using _ = {
        [Symbol.asyncDispose]: (
          (first) => () =>
            first.stop()
        )(api.work(odd, { workerId: 'same' })),
      }
      api.work(odd, { workerId: 'same' })
    },
    /a worker "same" runs in this program/,
  ],
  ['null for options', (api) => api.work(odd, null as Anything), /options are an object, not null/],
]
const odd = { odd: () => 1 }

for (const [area, refusals, code] of [
  ['options of a submission', OPTIONS, 'invalid_request'],
  ['payloads', PAYLOADS, /^(invalid_request|too_deep)$/],
  ['batches', BATCHES, /^(invalid_request|batch_too_large)$/],
  ['other calls', READS, 'invalid_request'],
  ['workers', WORKERS, 'invalid_configuration'],
] as const) {
  describe(area, () => {
    for (const [what, call, message] of refusals) {
      it(`${what} is refused in the same words in the process and over HTTP`, async () => {
        const inProcess = await refusalOf(call, embedded)
        const overHttp = await refusalOf(call, client)
        assert.match(inProcess.message, message)
        assert.match(inProcess.code, new RegExp(code))
        assert.deepEqual(
          [overHttp.code, overHttp.message, overHttp.violations],
          [inProcess.code, inProcess.message, inProcess.violations],
        )
      })
    }
  })
}

describe('what was refused', () => {
  it('has added nothing', async () => {
    for (const api of [embedded, client]) assert.deepEqual((await api.list()).items, [])
  })
})

describe('after close()', () => {
  for (const [what, open] of [
    ['Taskyard', () => Taskyard.open({ store: 'sqlite::memory:' })],
    ['Client', async () => new Client({ url: server.url })],
  ] as const) {
    it(`every call of a ${what} says that it was closed`, async () => {
      const api: TaskyardApi = await open()
      const other = api.in('other')
      await api.close()
      const id = '01a20020-ff03-70d0-a0ca-7526536f14ee'
      for (const call of [
        () => api.submit('odd', 1),
        () => api.submitMany([{ type: 'odd', payload: 1 }]),
        () => api.submitAndWait('odd', 1),
        () => api.get(id),
        () => api.wait(id),
        () => api.result(id),
        () => api.list(),
        () => firstOf(api.listAll()),
        () => api.events(id),
        () => firstOf(api.watch(id)),
        () => api.cancel(id),
        () => api.retry(id),
        () => api.cancelMatching({ type: 'odd' }),
        () => api.queues(),
        () => api.queue('default'),
        () => api.pause('default'),
        () => api.workers(),
        () => api.info(),
        () => api.work(odd),
        () => other.submit('odd', 1),
      ]) {
        const { code, message } = await refusalOf(call, api)
        assert.deepEqual(
          [code, message],
          ['closed', `This ${what} was closed by its close(); make another one to go on`],
        )
      }
      await api.close()
    })
  }
})

async function refusalOf(call: Call, api: TaskyardApi): Promise<TaskyardError> {
  try {
    await call(api)
  } catch (error) {
    if (error instanceof TaskyardError) return error
    throw error
  }
  throw new Error('it was taken')
}

async function firstOf(items: AsyncIterable<unknown>): Promise<unknown> {
  for await (const item of items) return item
  return undefined
}

function cycle(): unknown {
  const value: { self?: unknown } = {}
  value.self = value
  return value
}

function nested(levels: number): unknown {
  return JSON.parse('['.repeat(levels) + ']'.repeat(levels))
}
