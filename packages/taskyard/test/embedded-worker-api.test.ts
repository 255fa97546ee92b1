import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { type LeasedTaskDocument, toJsonText, type WorkerApi } from '@taskyard/core'
import type { UseCases } from '@taskyard/engine'
import { type Assembly, assemble } from '../src/assemble.ts'
import type { EmbeddedExtenderData } from '../src/embedded-lease-extender.ts'
import { createEmbeddedWorkerApi } from '../src/embedded-worker-api.ts'
import { settingsOfOptions } from '../src/open-options.ts'
import { IGNORE_INCIDENTS } from './ignore-incidents.ts'

let folder: string
let assembly: Assembly
let engine: UseCases
let api: WorkerApi
let queue = ''
let queues = 0

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'taskyard-embedded-'))
  const settings = settingsOfOptions({ store: `sqlite:${join(folder, 'tasks.db')}` })
  assembly = await assemble(settings, { incidents: IGNORE_INCIDENTS })
  await assembly.engine.start()
  engine = assembly.engine.in('default')
  api = assembly.workerApi('default')
})
after(async () => {
  await assembly.close()
  await rm(folder, { recursive: true })
})
beforeEach(() => {
  queue = `queue-${++queues}`
})

describe('the embedded worker API', () => {
  it('leases tasks as documents', async () => {
    const id = await submit({ to: 'Ada' })
    const task = await claimOne()
    assert.equal(task.id, id)
    assert.deepEqual(task.payload, { to: 'Ada' })
    assert.equal(task.workerId, 'worker')
    assert.ok(task.lease.token > 0)
    assert.ok(Date.parse(task.lease.expiresAt) > Date.now())
  })

  it('waits for a task that comes later', async () => {
    const waiting = api.claim(
      { workerId: 'worker', queues: [queue], limit: 1, waitSeconds: 30 },
      new AbortController().signal,
    )
    const id = await submit(1)
    assert.deepEqual(
      (await waiting).map((task) => task.id),
      [id],
    )
  })

  it('ends a wait with nothing when it is aborted', async () => {
    const controller = new AbortController()
    const waiting = api.claim({ workerId: 'worker', queues: [queue], limit: 1, waitSeconds: 60 }, controller.signal)
    controller.abort()
    assert.deepEqual(await waiting, [])
  })

  it('takes only the types it is asked for', async () => {
    await submit(1)
    const none = { workerId: 'worker', queues: [queue], types: ['other'], limit: 1 }
    assert.deepEqual(await api.claim(none, new AbortController().signal), [])
  })

  it('settles each kind of outcome, and claims the next task in the same call', async () => {
    const ids = [await submit(1), await submit(2), await submit(3), await submit(4), await submit(5)]
    const tasks = await api.claim({ workerId: 'worker', queues: [queue], limit: 4 }, new AbortController().signal)
    const [first, second, third, fourth] = tasks.map((task) => ({ taskId: task.id, token: task.lease.token }))
    const settled = await api.settle({
      outcomes: [
        { ...(first as Lease), outcome: 'succeeded', result: toJsonText({ sent: true }) },
        { ...(second as Lease), outcome: 'succeeded' },
        { ...(third as Lease), outcome: 'failed', error: { code: 'no', message: 'No' }, retryable: false },
        { ...(fourth as Lease), outcome: 'released' },
      ],
      claim: { workerId: 'worker', queues: [queue], limit: 2 },
    })
    assert.deepEqual(
      settled.results,
      (['succeeded', 'succeeded', 'failed', 'queued'] as const).map((taskStatus, i) => ({
        taskId: ids[i],
        status: 'ok',
        taskStatus,
      })),
    )
    assert.deepEqual(settled.tasks?.map(({ id }) => id).toSorted(), [ids[3], ids[4]].toSorted())
    const [one, two, three] = await Promise.all(ids.map((id) => engine.get(id)))
    assert.equal(one?.result, '{"sent":true}')
    assert.equal(two?.result, null)
    assert.deepEqual(three?.error, { code: 'no', message: 'No' })
  })

  it('refuses what comes under a dead token', async () => {
    await submit(1)
    const { id, lease } = await claimOne()
    const stale = { taskId: id, token: lease.token - 1 }
    assert.deepEqual(await api.record([{ ...stale, log: 'late' }]), [{ taskId: id, status: 'lost' }])
    const { results } = await api.settle({ outcomes: [{ ...stale, outcome: 'succeeded' }] })
    assert.deepEqual(results, [{ taskId: id, status: 'lost' }])
    assert.equal((await engine.get(id)).status, 'running')
  })

  it('says to the engine again what the store has refused to the heartbeat thread', async () => {
    const taskId = await submit(1)
    const heard: (readonly Lease[])[] = []
    const listening: UseCases = {
      ...engine,
      async heartbeat(leases) {
        heard.push(leases)
        throw new Error('the store is away')
      },
    }
    const lost = [1, 2].map((token) => ({ taskId, token }))
    const access = { threadAccess: () => assembly.store.lifecycle.threadAccess(), shared: false }
    createEmbeddedWorkerApi({ ...assembly.engine, in: () => listening }, 'default', access).heartbeatRefused?.(lost)
    assert.deepEqual(heard, [lost])
  })

  it('beats for each worker under a name of its own, whatever it is called in another namespace', async () => {
    const access = { threadAccess: () => ({ module: 'store', data: null, transfer: [] }), shared: true }
    const nodeIds = ['default', 'tenant'].map((namespace) => {
      const other = createEmbeddedWorkerApi(assembly.engine, namespace, access)
      const session = { workerId: 'same', queues: [queue], types: null, startId: 'start-1', concurrency: 1 }
      void other.openSession(session, () => {}).close()
      return (other.threadAccess().data as EmbeddedExtenderData).beats?.nodeId
    })
    assert.deepEqual(nodeIds, [`${assembly.engine.nodeId}/same`, `${assembly.engine.nodeId}/tenant/same`])
  })

  it('records progress and log lines', async () => {
    await submit(1)
    const { id, lease } = await claimOne()
    const entry = { taskId: id, token: lease.token }
    await api.record([
      { ...entry, progress: toJsonText({ done: 1 }) },
      { ...entry, log: 'a line' },
    ])
    const kinds = (await engine.history(id)).map(({ kind }) => kind)
    assert.deepEqual(kinds, ['submitted', 'started', 'progress', 'log'])
  })

  it('passes cancel requests on while its session is open, and shows the worker as embedded', async () => {
    const cancelled = Promise.withResolvers<string>()
    const session = api.openSession(
      { workerId: 'worker', queues: [queue], types: null, startId: 'start-1', concurrency: 1 },
      cancelled.resolve,
    )
    await session.opened
    await submit(1)
    const { id } = await claimOne()
    assert.equal((await engine.workers()).workers.find(({ workerId }) => workerId === 'worker')?.embedded, true)
    await engine.cancel(id)
    assert.equal(await cancelled.promise, id)
    await session.close()
  })
})

type Lease = { taskId: string; token: number }

async function submit(payload: unknown): Promise<string> {
  return (await engine.submit({ type: 'mail', queue, payload: toJsonText(payload) })).task.id
}

async function claimOne(): Promise<LeasedTaskDocument> {
  const [task] = await api.claim({ workerId: 'worker', queues: [queue], limit: 1 }, new AbortController().signal)
  return task as LeasedTaskDocument
}
