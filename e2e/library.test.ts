import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { TaskFailure, type TaskHandler, Taskyard, TaskyardError } from '@taskyard/taskyard'
import { runTaskyard, temporaryFolder } from './support/taskyard-process.ts'

type Greet = TaskHandler<{ name: string }, { greeting: string }>
const greet: Greet = ({ payload }) => ({
  greeting: `Hello, ${payload.name}!`,
})
const handlers = { greet }
type Yard = Taskyard<typeof handlers>

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let stores = 0

before(async () => {
  folder = await temporaryFolder()
})
after(() => folder.remove())

describe('Taskyard.open', () => {
  it('submits, works and waits in one process, with types that follow from the handlers', () =>
    withYard(async (yard) => {
      await using worker = yard.work(handlers, { concurrency: 5 })
      const task = await yard.submit('greet', { name: 'Ada' }, { tags: ['first'] })
      const done = await yard.wait(task)
      assert.ok(done.status === 'succeeded')
      assert.equal(done.result.greeting, 'Hello, Ada!')
      assert.equal(done.workerId, worker.workerId)
      // @ts-expect-error: the payload of greet has a name
      await assert.doesNotReject(yard.submit('greet', { nam: 'Ada' }))
      // @ts-expect-error: no handler has this name
      await assert.doesNotReject(yard.submit('great', { name: 'Ada' }))
    }))

  it('waits for what a batch answered', () =>
    withYard(async (yard) => {
      const [submitted] = await yard.submitMany([{ type: 'greet', payload: { name: 'Ada' } }])
      assert.equal((await yard.wait(submitted as { id: string }, { timeoutSeconds: 0 })).status, 'queued')
    }))

  it('keeps tasks over a restart', async () => {
    const store = newStore()
    const first = await Taskyard.open<typeof handlers>({ store })
    const { id } = await first.submit('greet', { name: 'Grace' })
    await first.close()
    const second = await Taskyard.open<typeof handlers>({ store })
    second.work(handlers)
    assert.equal((await second.wait(id)).status, 'succeeded')
    await second.close()
  })

  it('refuses a file that is open already', async () => {
    const store = newStore()
    const yard = await Taskyard.open({ store })
    await assert.rejects(Taskyard.open({ store }), isError('store_locked'))
    await yard.close()
  })

  it('refuses a file that a server uses', async () => {
    const store = newStore()
    const server = runTaskyard(['start', '--port', '0', '--store', store])
    await server.line(/ready at/)
    await assert.rejects(Taskyard.open({ store }), isError('store_locked'))
    await server.stop()
  })

  it('refuses stores that it does not know, says which it does, and keeps passwords to itself', async () => {
    await assert.rejects(Taskyard.open({ store: 'mysql://me:hunter2@localhost/tasks' }), (error: TaskyardError) => {
      assert.equal(error.code, 'invalid_configuration')
      assert.match(error.message, /expected sqlite:PATH/)
      assert.doesNotMatch(error.message, /hunter2/)
      return true
    })
  })

  it('refuses a transaction that its store cannot join', async () => {
    await using yard = await Taskyard.open({ store: newStore() })
    await assert.rejects(yard.submit('x', {}, { tx: {} }), { code: 'transaction_unsupported' })
    await assert.rejects(yard.submitMany([{ type: 'x', payload: {} }], { tx: {} }), { code: 'transaction_unsupported' })
    assert.deepEqual((await yard.list()).items, [])
  })

  it('can be opened again after it was closed', async () => {
    const store = newStore()
    for (let n = 0; n < 3; n++) await (await Taskyard.open({ store })).close()
  })
})

describe('a Taskyard', () => {
  it('submits many tasks at once, all or nothing', () =>
    withYard(async (yard) => {
      const submitted = await yard.submitMany([1, 2, 3].map((n) => ({ type: 'greet', payload: { name: `${n}` } })))
      assert.equal(submitted.length, 3)
      const bad = { type: 'greet' as const, payload: { name: 'x' }, priority: 5000 }
      await assert.rejects(
        yard.submitMany([{ type: 'greet', payload: { name: 'y' } }, bad]),
        isError('invalid_request'),
      )
      assert.equal((await yard.list()).items.length, 3)
    }))

  it('lists page by page and all at once', () =>
    withYard(async (yard) => {
      for (const name of ['a', 'b', 'c']) await yard.submit('greet', { name })
      const page = await yard.list({ limit: 2 })
      assert.equal(page.items.length, 2)
      const names: string[] = []
      for await (const task of yard.listAll({ limit: 2 })) names.push(task.payload.name)
      assert.deepEqual(names, ['c', 'b', 'a'])
    }))

  it('tells the history, and follows it until the task has ended', () =>
    withYard(async (yard) => {
      const { id } = await yard.submit('greet', { name: 'Ada' })
      const watched: string[] = []
      const watching = (async () => {
        for await (const event of yard.watch(id)) watched.push(event.kind)
      })()
      yard.work(handlers)
      await watching
      assert.deepEqual(watched, ['submitted', 'started', 'succeeded'])
      assert.deepEqual(
        (await yard.events(id)).map(({ kind }) => kind),
        watched,
      )
    }))

  it('cancels a running task: its signal aborts', () =>
    withYard(async (yard) => {
      const started = Promise.withResolvers<void>()
      const greetSlowly: Greet = (_, { signal }) => {
        started.resolve()
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      }
      yard.work({ greet: greetSlowly })
      const { id } = await yard.submit('greet', { name: 'Ada' })
      await started.promise
      await yard.cancel(id)
      assert.equal((await yard.wait(id)).status, 'cancelled')
    }))

  it('retries failed tasks, by id and by filter', () =>
    withYard(async (yard) => {
      let isBroken = true
      const greetSometimes: Greet = () => {
        if (isBroken) throw new TaskFailure('broken', { code: 'out-of-order', retryable: false })
        return { greeting: 'mended' }
      }
      yard.work({ greet: greetSometimes })
      const ids = await Promise.all(['a', 'b', 'c'].map(async (name) => (await yard.submit('greet', { name })).id))
      const failed = await Promise.all(ids.map((id) => yard.wait(id)))
      assert.deepEqual(
        failed.map(({ error }) => error?.message),
        ['broken', 'broken', 'broken'],
      )
      const dryRun = true
      assert.equal((await yard.list({ status: ['failed', 'succeeded'], errorCode: 'out-of-order' })).items.length, 3)
      assert.equal(await yard.retryMatching({ errorCode: 'out-of-order', status: ['failed'] }, { dryRun }), 3)
      assert.equal(await yard.retryMatching({ errorCode: 'another' }, { dryRun }), 0)
      assert.equal(await yard.cancelMatching({ type: 'greet' }, { dryRun }), 0)
      isBroken = false
      await yard.retry(ids[0] as string)
      assert.equal(await yard.retryMatching({ type: 'greet', status: ['failed', 'cancelled'] }), 2)
      const mended = await Promise.all(ids.map((id) => yard.wait(id)))
      assert.deepEqual(
        mended.map(({ status }) => status),
        ['succeeded', 'succeeded', 'succeeded'],
      )
      await yard.delete(ids[0] as string)
      await assert.rejects(yard.get(ids[0] as string), isError('task_not_found', /There is no task/))
      await assert.rejects(yard.deleteMatching({ status: ['queued'] }), isError('invalid_request', /have ended/))
      assert.equal(await yard.deleteMatching({ type: 'greet' }, { dryRun: true }), 2)
      assert.equal(await yard.deleteMatching({ type: 'greet' }), 2)
      assert.deepEqual((await yard.list({ type: 'greet' })).items, [])
    }))

  it('pauses and resumes a queue', () =>
    withYard(async (yard) => {
      await yard.pause('default')
      yard.work(handlers)
      const { id } = await yard.submit('greet', { name: 'Ada' })
      assert.equal((await yard.wait(id, { timeoutSeconds: 0.2 })).status, 'queued')
      assert.equal((await yard.queue('default')).paused, true)
      await yard.resume('default')
      assert.equal((await yard.wait(id)).status, 'succeeded')
    }))

  it('answers a wait that is called off with the task as it is', () =>
    withYard(async (yard) => {
      const { id } = await yard.submit('greet', { name: 'Ada' })
      const controller = new AbortController()
      const waiting = yard.wait(id, { signal: controller.signal })
      controller.abort()
      assert.equal((await waiting).status, 'queued')
    }))

  it('tells of tasks as they end, typed by how, until it is told to stop', async () => {
    const errors: string[] = []
    const onError = (error: unknown, during: string) => errors.push(`${during}: ${(error as Error).message}`)
    const yard = await Taskyard.open<typeof handlers>({ store: 'sqlite::memory:', onError })
    const told: string[] = []
    const failed = (task: { readonly error: { readonly message: string } }) => told.push(task.error.message)
    yard
      .on('succeeded', ({ result }) => told.push(result.greeting), { type: 'greet', tag: 'told' })
      .on('failed', failed)
      .on('failed', () => {
        throw new Error('a bad listener')
      })
    yard.work({
      greet: ({ payload }) => {
        if (payload.name === '') throw new TaskFailure('nobody', { retryable: false })
        return { greeting: payload.name }
      },
    })
    for (const [name, tag] of [
      ['Ada', 'told'],
      ['Bob', 'untold'],
      ['', 'told'],
    ] as const)
      await yard.wait(await yard.submit('greet', { name }, { tags: [tag] }))
    while (told.length < 2) await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(told, ['Ada', 'nobody'])
    yard.off('failed', failed)
    await yard.wait(await yard.submit('greet', { name: '' }))
    while (errors.length < 2) await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(told, ['Ada', 'nobody'])
    assert.equal(errors[0], 'a listener of failed: a bad listener')
    assert.throws(() => yard.on('completed' as 'failed', failed), isError('invalid_request', /is no event/))
    assert.throws(() => yard.on('failed', failed, { tags: 'a' } as object), isError('invalid_request', /mean tag\?/))
    await yard.close()
    assert.throws(() => yard.on('failed', failed), isError('closed'))
  })

  it('drains its workers when it is closed', async () => {
    const store = newStore()
    const yard = await Taskyard.open<typeof handlers>({ store })
    const started = Promise.withResolvers<void>()
    const finish = Promise.withResolvers<void>()
    yard.work({
      greet: async () => {
        started.resolve()
        await finish.promise
        return { greeting: 'finished' }
      },
    })
    const { id } = await yard.submit('greet', { name: 'Ada' })
    await started.promise
    const closing = yard.close()
    finish.resolve()
    await closing
    const again = await Taskyard.open({ store })
    assert.deepEqual((await again.get(id)).result, { greeting: 'finished' })
    await again.close()
  })

  it('checks payloads when it is told how', async () => {
    const yard = await Taskyard.open({
      store: newStore(),
      checkPayload: (type) => (type === 'never' ? [{ path: '/to', message: 'is missing' }] : []),
    })
    await assert.rejects(yard.submit('never', {}), isError('invalid_payload'))
    await yard.close()
  })

  it('says what it is', () =>
    withYard(async (yard) => {
      const { name, stack, durability } = await yard.info()
      assert.equal(name, 'taskyard')
      assert.equal(stack.store, 'sqlite')
      assert.match(durability, /synced/)
    }))
})

function newStore(): string {
  return `sqlite:${join(folder.path, `library-${++stores}.db`)}`
}

async function withYard(use: (yard: Yard) => Promise<void>): Promise<void> {
  const yard = await Taskyard.open<typeof handlers>({ store: newStore() })
  try {
    await use(yard)
  } finally {
    await yard.close()
  }
}

function isError(code: string, message = /./): (error: unknown) => boolean {
  return (error) => error instanceof TaskyardError && error.code === code && message.test(error.message)
}
