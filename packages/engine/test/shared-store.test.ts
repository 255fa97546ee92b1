import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLocalNews, type OpenedStore } from '@taskyard/core'
import { awayWhile, claimOf, PAYLOAD, startCluster } from './test-bed.ts'

const TASK = { type: 'test', payload: PAYLOAD }
const deaf = () => {}

function embedded(nodeId: string, workerId: string) {
  return { worker: { workerId, nodeId, session: true }, queues: ['default'], limit: 1, leaseSeconds: 3600 }
}

const remote = (workerId: string) => ({ ...claimOf(workerId, 1, true), leaseSeconds: 3600 })

test('tasks of a process that died start elsewhere within 7 s, long before the lease time', async (t) => {
  const { clock, node, kill } = startCluster(t)
  const [first, second] = [await node('node-1'), await node('node-2')]
  await clock.advance(10_000)
  const { task } = await first.submit(TASK)
  await first.claim(embedded('node-1', 'worker-1'))
  kill('node-1')
  await clock.advance(4000)
  assert.equal((await second.get(task.id)).status, 'running')
  await clock.advance(3000)
  const { status, crashes } = await second.get(task.id)
  assert.deepEqual({ status, crashes }, { status: 'queued', crashes: 1 })
})

test('a process that starts after the death of the only other one takes its tasks over within 6 s', async (t) => {
  const { clock, node, kill } = startCluster(t)
  const first = await node('node-1')
  const { task } = await first.submit(TASK)
  await first.claim(embedded('node-1', 'worker-1'))
  kill('node-1')
  await clock.advance(500)
  const successor = await node('node-2')
  await clock.advance(6000)
  assert.equal((await successor.get(task.id)).status, 'queued')
})

test('a process that was stopped counts as gone at once', async (t) => {
  const { clock, node } = startCluster(t)
  const [first, second] = [await node('node-1'), await node('node-2')]
  await clock.advance(10_000)
  const { task } = await first.submit(TASK)
  await first.claim(embedded('node-1', 'worker-1'))
  await first.stop()
  await clock.advance(2000)
  assert.equal((await second.get(task.id)).status, 'queued')
})

test('a process that beats keeps the tasks of its own workers', async (t) => {
  const { clock, node } = startCluster(t)
  const [first, second] = [await node('node-1'), await node('node-2')]
  const { task } = await first.submit(TASK)
  await first.claim(embedded('node-1', 'worker-1'))
  await clock.advance(120_000)
  assert.equal((await second.get(task.id)).status, 'running')
})

test('after an outage of the store, in which nobody could beat, nobody is taken for dead', async (t) => {
  let away = false
  const { clock, node } = startCluster(
    t,
    awayWhile(() => away),
  )
  const first = await node('node-1')
  await clock.advance(500)
  const second = await node('node-2')
  second.openSession({ workerId: 'worker-3', onCancel: deaf })
  await first.submitMany([TASK, TASK, TASK])
  await first.claim(embedded('node-1', 'worker-1'))
  await second.claim(embedded('node-2', 'worker-2'))
  await second.claim(remote('worker-3'))
  await clock.advance(10_000)
  away = true
  await clock.advance(60_000)
  away = false
  await clock.advance(30_000)
  assert.equal((await second.queue('default')).counts.running, 3)
})

test('a process that stood still does not judge the others by what it missed', async (t) => {
  let away = false
  const { clock, node, store } = startCluster(t)
  const first = await node('node-1')
  await clock.advance(500)
  const second = await node('node-2', { store: awayWhile(() => away)(store) })
  await first.submit(TASK)
  await first.claim(embedded('node-1', 'worker-1'))
  await clock.advance(9600)
  away = true
  await clock.advance(20_000)
  // The other one's beat happens to be stale just when this one looks again.
  await store.presence.beat({ nodeId: 'node-1', workers: [], ttlMs: 0 })
  away = false
  await clock.advance(700)
  assert.equal((await second.queue('default')).counts.running, 1)
})

test('a worker that lost its process has a grace to come to another one', async (t) => {
  const { clock, node, kill } = startCluster(t)
  const [first, second] = [await node('node-1'), await node('node-2')]
  await clock.advance(10_000)
  first.openSession({ workerId: 'worker-1', onCancel: deaf })
  const { task } = await first.submit(TASK)
  await first.claim(remote('worker-1'))
  kill('node-1')
  await clock.advance(9000)
  second.openSession({ workerId: 'worker-1', onCancel: deaf })
  await clock.advance(60_000)
  assert.equal((await second.get(task.id)).status, 'running')
})

test('a worker that died with its process loses its tasks after the grace', async (t) => {
  const { clock, node, kill } = startCluster(t)
  const [first, second] = [await node('node-1'), await node('node-2')]
  await clock.advance(10_000)
  first.openSession({ workerId: 'worker-1', onCancel: deaf })
  const { task } = await first.submit(TASK)
  await first.claim(remote('worker-1'))
  kill('node-1')
  await clock.advance(9000)
  assert.equal((await second.get(task.id)).status, 'running')
  await clock.advance(4000)
  assert.equal((await second.get(task.id)).status, 'queued')
})

test('a worker that moves to another process keeps its tasks, even just before the end of its grace', async (t) => {
  const { clock, node } = startCluster(t)
  const [first, second] = [await node('node-1'), await node('node-2')]
  await clock.advance(10_000)
  const session = first.openSession({ workerId: 'worker-1', onCancel: deaf })
  const { task } = await first.submit(TASK)
  await first.claim(remote('worker-1'))
  session.close()
  await clock.advance(4990)
  second.openSession({ workerId: 'worker-1', onCancel: deaf })
  await clock.advance(60_000)
  assert.equal((await second.get(task.id)).status, 'running')
})

test('a worker that comes back to nobody loses its tasks at the end of its grace', async (t) => {
  const { clock, node } = startCluster(t)
  const [first] = [await node('node-1'), await node('node-2')]
  await clock.advance(10_000)
  const session = first.openSession({ workerId: 'worker-1', onCancel: deaf })
  const { task } = await first.submit(TASK)
  await first.claim(remote('worker-1'))
  session.close()
  await clock.advance(4999)
  assert.equal((await first.get(task.id)).status, 'running')
  await clock.advance(1)
  assert.equal((await first.get(task.id)).status, 'queued')
})

test('a worker that moves to another process while its leases are being ended keeps its tasks', async (t) => {
  let takesLong = (): Promise<void> => Promise.resolve()
  const slow = (store: OpenedStore): OpenedStore => ({
    ...store,
    presence: { ...store.presence, endLeases: (params) => takesLong().then(() => store.presence.endLeases(params)) },
  })
  const { clock, node } = startCluster(t, slow)
  takesLong = () => new Promise<void>((resolve) => clock.after(100, resolve))
  const [first, second] = [await node('node-1'), await node('node-2')]
  await clock.advance(10_000)
  const session = first.openSession({ workerId: 'worker-1', onCancel: deaf })
  const { task } = await first.submit(TASK)
  await first.claim(remote('worker-1'))
  session.close()
  await clock.advance(5050)
  const moved = second.openSession({ workerId: 'worker-1', onCancel: deaf })
  await clock.advance(60_000)
  assert.equal((await second.get(task.id)).status, 'running')
  moved.close()
  await clock.advance(5100)
  assert.equal((await second.get(task.id)).status, 'queued')
})

test('workers connected to another process are listed as connected', async (t) => {
  const { clock, node } = startCluster(t)
  const [first, second] = [await node('node-1'), await node('node-2')]
  first.openSession({ workerId: 'worker-1', onCancel: deaf })
  await first.submit(TASK)
  await first.claim(remote('worker-1'))
  await clock.advance(1000)
  const [seen] = (await second.workers()).workers
  assert.deepEqual([seen?.workerId, seen?.connected, seen?.leases], ['worker-1', true, 1])
})

test('a cancel request reaches a worker that is connected to another process', async (t) => {
  const { node } = startCluster(t)
  const [first, second] = [await node('node-1'), await node('node-2')]
  const heard: string[] = []
  first.openSession({ workerId: 'worker-1', onCancel: (id) => heard.push(id) })
  const { task } = await second.submit(TASK)
  await first.claim(remote('worker-1'))
  await second.cancel(task.id)
  assert.deepEqual(heard, [task.id])
})

test('waiting ends at once when another process hears the end of the task', async (t) => {
  const { node } = startCluster(t)
  const [first, second] = [await node('node-1'), await node('node-2')]
  const { task } = await first.submit(TASK)
  const waiting = first.wait(task.id, 60)
  const [leased] = await second.claim(remote('worker-1'))
  await second.settle([{ taskId: task.id, token: leased?.lease.token ?? 0, outcome: 'succeeded' }])
  assert.equal((await waiting).status, 'succeeded')
})

test('a process that does not sweep leaves housekeeping and the dead to one that does', async (t) => {
  const { clock, node, kill } = startCluster(t)
  const [first, second] = [await node('node-1'), await node('node-2', { sweeps: false })]
  const { task } = await first.submit({ ...TASK, timeoutSeconds: 1 })
  await first.claim(embedded('node-1', 'worker-1'))
  kill('node-1')
  await clock.advance(60_000)
  assert.equal((await second.get(task.id)).status, 'running')
  const names = second.loops().map(({ name }) => name)
  assert.ok(!names.includes('sweeper') && !names.includes('dead-workers'), names.join())
  await node('node-3')
  await clock.advance(6000)
  assert.notEqual((await second.get(task.id)).status, 'running')
})

test('a process on a store of its own tells nobody that it lives', async (t) => {
  const { clock, node, store } = startCluster(t)
  const only = await node('node-1', { news: null })
  await only.submit(TASK)
  await only.claim(embedded('node-1', 'worker-1'))
  await clock.advance(10_000)
  assert.deepEqual(
    (await store.presence.holders({ namespace: null })).map(({ alive }) => alive),
    [false],
  )
})

test('stopping does not wait for a store that hangs', async (t) => {
  let hangs = false
  const hanging = (store: Parameters<ReturnType<typeof awayWhile>>[0]) => ({
    ...store,
    presence: {
      ...store.presence,
      beat: (params: Parameters<typeof store.presence.beat>[0]) =>
        hangs ? new Promise<never>(() => {}) : store.presence.beat(params),
    },
  })
  const { clock, node } = startCluster(t, hanging)
  const engine = await node('node-1', { news: createLocalNews() })
  hangs = true
  const stopped = engine.stop()
  await clock.advance(1000)
  await stopped
})

test('a process whose store goes away while it starts waits for it', async (t) => {
  let away = true
  const { clock, node } = startCluster(
    t,
    awayWhile(() => away),
  )
  const starting = node('node-1')
  await clock.advance(10_000)
  away = false
  await clock.advance(1000)
  const { task } = await (await starting).submit(TASK)
  assert.equal(task.status, 'queued')
})

test('a process whose store stays away gives up its start after 30 s', async (t) => {
  const { clock, node } = startCluster(
    t,
    awayWhile(() => true),
  )
  const refused = assert.rejects(node('node-1'), { code: 'store_unavailable' })
  await clock.advance(31_000)
  await refused
})
