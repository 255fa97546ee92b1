import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startWorker } from '@taskyard/worker'
import { MemoryApi } from './memory-api.ts'
import { until } from './test-bed.ts'

const ANSWER_IN_THREAD = 1
const FAIL_IN_THREAD = 2

test('leases are extended while a handler blocks the event loop for longer than the lease', async (t) => {
  const api = new MemoryApi()
  Atomics.store(api.counters, 0, ANSWER_IN_THREAD)
  let extended = 0
  const block = () => {
    const end = Date.now() + 1500
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, end - Date.now())
    extended = Atomics.load(api.counters, 1)
  }
  const worker = startWorker(api, { block }, { leaseSeconds: 1 })
  t.after(() => worker.stop({ deadlineSeconds: 0 }))
  api.add('block')
  await api.settled(1)
  assert.ok(extended >= 2, `extended ${extended} times in 1.5 leases`)
})

test('the context knows when the last heartbeat was answered', async (t) => {
  const api = new MemoryApi()
  const worker = startWorker(
    api,
    {
      wait: async (_, context) => {
        await until(() => context.heartbeat.at !== null)
        return context.heartbeat.at?.getTime()
      },
    },
    { leaseSeconds: 1 },
  )
  t.after(() => worker.stop({ deadlineSeconds: 0 }))
  const before = Date.now()
  api.add('wait')
  const [outcome] = await api.settled(1)
  assert.ok(Number(outcome?.result) >= before)
})

test('leases are extended often while the session is broken, however long they are', async (t) => {
  const api = new MemoryApi()
  Atomics.store(api.counters, 0, ANSWER_IN_THREAD)
  const extended = () => Atomics.load(api.counters, 1)
  const hold = async () => {
    api.onSessionChange(false)
    await until(() => extended() >= 2)
  }
  const worker = startWorker(api, { hold }, { leaseSeconds: 3600 })
  t.after(() => worker.stop({ deadlineSeconds: 0 }))
  api.add('hold')
  const [outcome] = await api.settled(1)
  assert.equal(outcome?.outcome, 'succeeded')
})

test('leases are extended often while a handler blocks the event loop, however long they are', async (t) => {
  const api = new MemoryApi()
  Atomics.store(api.counters, 0, ANSWER_IN_THREAD)
  const patience = Date.now() + 60_000
  const block = () => {
    while (Atomics.load(api.counters, 1) < 2 && Date.now() < patience)
      Atomics.wait(api.counters, 0, ANSWER_IN_THREAD, 20)
    return Atomics.load(api.counters, 1)
  }
  const worker = startWorker(api, { block }, { leaseSeconds: 3600 })
  t.after(() => worker.stop({ deadlineSeconds: 0 }))
  api.add('block')
  const [outcome] = await api.settled(1)
  assert.equal(outcome?.result, 2)
})

test('a failed heartbeat is repeated soon, and reported once', async (t) => {
  const api = new MemoryApi()
  Atomics.store(api.counters, 0, FAIL_IN_THREAD)
  const troubles: string[] = []
  const worker = startWorker(
    api,
    {
      wait: () => until(() => Atomics.load(api.counters, 1) >= 4),
    },
    { leaseSeconds: 1, onError: (error, during) => troubles.push(`${during}: ${error}`) },
  )
  t.after(() => worker.stop({ deadlineSeconds: 0 }))
  api.add('wait')
  await api.settled(1)
  assert.deepEqual(troubles, ['heartbeat: Error: the store is away'])
})

test('a heartbeat module that cannot be loaded is reported, and the worker works on', async (t) => {
  const api = new MemoryApi()
  api.threadAccess = () => ({ module: 'file:///nowhere/extender.js', data: null, transfer: [] })
  const reported: string[] = []
  const worker = startWorker(api, { noop: () => null }, { onError: (_, during) => reported.push(during) })
  t.after(() => worker.stop({ deadlineSeconds: 0 }))
  api.add('noop')
  await api.settled(1)
  assert.ok(reported.includes('heartbeat thread'))
})

test('a worker that stops leaves no thread behind and closes its session', async () => {
  const api = new MemoryApi()
  const worker = startWorker(api, { noop: () => null })
  await once(api.events, 'claim')
  await worker.stop()
  assert.equal(api.sessions, 0)
  assert.equal(process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length, 0)
})

test('the thread starts in a program given on the command line too', async () => {
  const program = `
    import { startWorker } from '@taskyard/worker'
    import { MemoryApi } from ${JSON.stringify(new URL('./memory-api.ts', import.meta.url).href)}
    const api = new MemoryApi()
    const worker = startWorker(api, { noop: () => null }, { onError: (error) => console.log(String(error)) })
    api.add('noop')
    await api.settled(1)
    await worker.stop()
    console.log('done')`
  const flags = ['--input-type=module', '--eval', program]
  const { stdout } = await promisify(execFile)(process.execPath, flags, { cwd: import.meta.dirname })
  assert.equal(stdout, 'done\n')
})
