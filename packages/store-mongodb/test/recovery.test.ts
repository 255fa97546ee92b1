import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { retrying } from '@taskyard/conformance'
import {
  DEFAULT_RETENTION,
  type JsonText,
  LIMITS,
  type OpenedStore,
  type QueueCounts,
  type Settlement,
  type SweepParams,
  toJsonText,
} from '@taskyard/core'
import type { Document } from 'mongodb'
import { newTaskDocument } from '../src/documents.ts'
import { CLAIM, closeClients, databaseOf, freshUrl, newId, newTask, openStore, submissions } from './test-bed.ts'

// What a process leaves that dies between two writes, made by hand, and what becomes of it.

after(closeClients)

const START = Date.UTC(2026, 0, 1)
const SWEEP: SweepParams = { cancelGraceMs: 10_000, retention: DEFAULT_RETENTION, limit: 1000, jitter: 0.5 }

interface Row extends Document {
  _id: string
}

async function openAt(t: Parameters<typeof openStore>[0]) {
  const url = await freshUrl(t)
  let time = START
  const store = await openStore(t, { url, storeTime: () => time })
  return {
    store,
    collection: (name: string) => databaseOf(url).collection<Row>(name),
    advance(milliseconds: number) {
      time += milliseconds
    },
  }
}

test('a submission of several tasks that was accepted and not stored is completed', async (t) => {
  const { store, collection, advance } = await openAt(t)
  const tasks = [newTask(), newTask({ queue: 'other' }), newTask({ delayMs: 60_000 })]
  const documents = tasks.map((task) => newTaskDocument(task, task.id, START))
  await collection('envelopes').insertOne({ _id: documents[0]?._id ?? '', at: START, parts: 1, tasks: documents })
  // One of them was stored before the process died.
  await store.tasks.enqueue(submissions(tasks[1] ?? newTask()))

  await store.upkeep.sweep(SWEEP)
  assert.deepEqual(await statuses(store, tasks), [null, 'queued', null], 'its process may still be at it')
  advance(20_000)
  await store.upkeep.sweep(SWEEP)
  assert.deepEqual(await statuses(store, tasks), ['queued', 'queued', 'scheduled'])
  assert.deepEqual(await collection('envelopes').find().toArray(), [])
  const [queue] = await store.reads.counts({ namespace: 'default', queue: 'default' })
  assert.deepEqual([queue?.counts.queued, queue?.counts.scheduled], [1, 1])
})

test('a big submission that was accepted and not stored is completed from its parts', async (t) => {
  const { store, collection, advance } = await openAt(t)
  const [one, two] = [newTask(), newTask()]
  const document = (task: typeof one) => newTaskDocument(task, task.id, START)
  await collection('envelopes').insertMany([
    { _id: `${one.id}/1`, at: START, tasks: [document(two)] },
    { _id: one.id, at: START, parts: 2, tasks: [document(one)] },
  ])
  advance(20_000)
  await store.upkeep.sweep(SWEEP)
  assert.deepEqual(await statuses(store, [one, two]), ['queued', 'queued'])
  assert.deepEqual(await collection('envelopes').find().toArray(), [])
})

test('a big submission that was not accepted leaves no task, and its parts go in time', async (t) => {
  const { store, collection, advance } = await openAt(t)
  const task = newTask()
  await collection('envelopes').insertOne({
    _id: `${newId()}/1`,
    at: START,
    tasks: [newTaskDocument(task, task.id, START)],
  })
  advance(3_600_000)
  await store.upkeep.sweep(SWEEP)
  assert.deepEqual(await statuses(store, [task]), [null])
  assert.deepEqual(await collection('envelopes').find().toArray(), [])
})

test('parts that were never accepted do not stand in the way of a submission that was', async (t) => {
  const { store, collection, advance } = await openAt(t)
  const document = (task: ReturnType<typeof newTask>) => newTaskDocument(task, task.id, START)
  const parts = Array.from({ length: 30 }, () => ({ _id: `${newId()}/1`, at: START, tasks: [document(newTask())] }))
  await collection('envelopes').insertMany(parts)
  const tasks = [newTask(), newTask()]
  await collection('envelopes').insertOne({ _id: newId(), at: START, parts: 1, tasks: tasks.map(document) })
  advance(20_000)
  await store.upkeep.sweep(SWEEP)
  assert.deepEqual(await statuses(store, tasks), ['queued', 'queued'])
  assert.equal(await collection('envelopes').countDocuments(), parts.length)
})

test('keys that are over are forgotten as fast as they may come', async (t) => {
  const { store, collection, advance } = await openAt(t)
  const key = (n: number) => ({ _id: `default/${n}`, taskId: newId(), fingerprint: 'a', expiresAt: START + 1_000 })
  await collection('keys').insertMany(Array.from({ length: 15 }, (_, n) => key(n)))
  advance(1_000)
  const limit = 10
  const { nextAt } = await store.upkeep.sweep({ ...SWEEP, limit })
  assert.equal(nextAt, START + 1_000, 'it wants to go on at once')
  assert.equal((await store.upkeep.sweep({ ...SWEEP, limit })).nextAt, null)
  assert.equal(await collection('keys').countDocuments(), 0)
})

test('a submission too big for one part is stored whole', async (t) => {
  const { store, collection } = await openAt(t)
  const payload = toJsonText('x'.repeat(LIMITS.bodyBytes - 2))
  const tasks = Array.from({ length: 9 }, () => newTask({ payload }))
  // On a slow machine the server takes longer than a call may.
  const [outcome] = await retrying(store).tasks.enqueue({ submissions: [{ tasks }], queueDepth: 1000 })
  assert.equal(outcome?.kind, 'accepted')
  assert.deepEqual(new Set(await statuses(store, tasks)), new Set(['queued']))
  assert.deepEqual(await collection('envelopes').find().toArray(), [])
})

test('nothing that came with an unopened envelope is removed, so that it cannot be stored a second time', async (t) => {
  const { store, collection } = await openAt(t)
  const task = newTask()
  await store.tasks.enqueue(submissions(task))
  await succeed(store)
  const document = newTaskDocument(task, task.id, START)
  await collection('envelopes').insertOne({ _id: task.id, at: START, parts: 1, tasks: [document] })
  const retention = { succeededSeconds: 0, failedSeconds: 0, finishedBytes: 0 }
  assert.equal((await store.upkeep.sweep({ ...SWEEP, retention })).removed, 0)
  assert.deepEqual(await statuses(store, [task]), ['succeeded'])
})

test('a key whose submission died before its task is completed by the same submission, under the same id', async (t) => {
  const { store, collection } = await openAt(t)
  const dead = newId()
  const key = { _id: 'default/k', taskId: dead, fingerprint: 'a', expiresAt: START + 86_400_000 }
  await collection('keys').insertOne(key)
  const again = newTask({ idempotency: { key: 'k', fingerprint: 'a' } })
  const [outcome] = await store.tasks.enqueue(submissions(again))
  assert.ok(outcome?.kind === 'accepted')
  assert.equal(outcome.tasks[0]?.id, dead)
  assert.deepEqual(await statuses(store, [{ id: dead }, again]), ['queued', null])
})

test('counts that a dead process left wrong are mended once the queue is quiet', async (t) => {
  const { store, collection, advance } = await openAt(t)
  await store.tasks.enqueue(submissions(newTask(), newTask(), newTask()))
  await succeed(store, 1)
  const before = await countsOf(store)
  const finishedBytes = async () =>
    (await collection('queues').findOne({ _id: 'default/default' }))?.counts.finishedBytes
  const bytesBefore = await finishedBytes()
  assert.ok(bytesBefore > 0)
  // As if the process had died after its changes and before their counts.
  const wrong = {
    'counts.finishedBytes': -100,
    'counts.queued': 1,
    'counts.running': 2,
    'counts.succeeded': -1,
    'counts.finishedTotal': -1,
  }
  await collection('queues').updateOne({ _id: 'default/default' }, { $inc: wrong })
  advance(60_000)
  await store.upkeep.sweep(SWEEP)
  assert.deepEqual(await countsOf(store), before)
  assert.equal(await finishedBytes(), bytesBefore)
  assert.equal(before?.finishedTotal, 1)
})

test('counts are in doubt after a start, and compared', async (t) => {
  const { store, collection, advance } = await openAt(t)
  await store.tasks.enqueue(submissions(newTask()))
  await collection('queues').updateOne({ _id: 'default/default' }, { $set: { 'counts.queued': 7 } })
  await store.lifecycle.migrate()
  advance(2_000)
  await store.upkeep.sweep(SWEEP)
  assert.equal((await countsOf(store))?.counts.queued, 1)
})

test('counts of many queues are compared some at a time, until all are right', async (t) => {
  const { store, collection, advance } = await openAt(t)
  const tasks = Array.from({ length: 50 }, (_, n) => newTask({ queue: `queue-${n}` }))
  await store.tasks.enqueue(submissions(...tasks))
  await collection('queues').updateMany({}, { $set: { 'counts.queued': 7, isDoubtful: true } })
  advance(2_000)
  const wrong = async () => (await collection('queues').find({ 'counts.queued': 7 }).toArray()).length
  const left: number[] = []
  for (let sweep = 0; sweep < 3; sweep++) {
    await store.upkeep.sweep(SWEEP)
    left.push(await wrong())
  }
  assert.deepEqual(left, [30, 10, 0])
  const standings = await collection('queues').distinct('isDoubtful')
  assert.deepEqual(standings, [])
})

test('counts of a queue that has gone quiet with tasks in it are compared once a minute', async (t) => {
  const { store, collection, advance } = await openAt(t)
  await store.tasks.enqueue(submissions(newTask()))
  const verifiedAt = async () => {
    await store.upkeep.sweep(SWEEP)
    return (await collection('queues').findOne({ _id: 'default/default' }))?.verifiedAt
  }
  advance(20_000)
  assert.equal(await verifiedAt(), START + 20_000)
  advance(40_000)
  assert.equal(await verifiedAt(), START + 20_000)
  advance(20_000)
  assert.equal(await verifiedAt(), START + 80_000)
  await succeed(store)
  advance(20_000)
  assert.equal(await verifiedAt(), START + 100_000)
  advance(600_000)
  assert.equal(await verifiedAt(), START + 100_000, 'nothing can be wrong any more')
})

test('a claim that is repeated while it is under way gives the same leases', async (t) => {
  const { store } = await openAt(t)
  await store.tasks.enqueue(submissions(...Array.from({ length: 6 }, () => newTask())))
  const request = { ...CLAIM, limit: 2, requestId: 'request-1' }
  const answers = await Promise.all([
    store.tasks.claim(request),
    store.tasks.claim(request),
    store.tasks.claim(request),
  ])
  const leases = answers.map((tasks) => tasks.map(({ id, lease }) => `${id} ${lease.token}`))
  assert.equal(leases[0]?.length, 2)
  assert.deepEqual(leases, [leases[0], leases[0], leases[0]])
})

test('history lines that were copied and not yet taken from the task are shown once', async (t) => {
  const { store, collection } = await openAt(t)
  await store.tasks.enqueue(submissions(newTask()))
  const [task] = await store.tasks.claim(CLAIM)
  assert.ok(task)
  const line = (log: string) => ({ taskId: task.id, token: task.lease.token, progress: null, log })
  await store.tasks.record({ namespace: 'default', entries: [line('one'), line('two')] })
  const before = await store.reads.history({ namespace: 'default', taskId: task.id, after: 0, limit: 100 })
  const stored = await collection('tasks').findOne({ _id: task.id })
  const tail = stored?.tail as readonly Record<string, unknown>[]
  await collection('records').insertMany(
    tail.map((record, index) => ({ ...record, _id: `${task.id}/${String(index + 1).padStart(8, '0')}` })),
  )
  assert.deepEqual(await store.reads.history({ namespace: 'default', taskId: task.id, after: 0, limit: 100 }), before)

  // They are moved when the task next grows, and still shown once.
  const long = 'x'.repeat(LIMITS.logBytes)
  for (let n = 0; n < 3; n++) await store.tasks.record({ namespace: 'default', entries: [line(long)] })
  const after = (await store.reads.history({ namespace: 'default', taskId: task.id, after: 0, limit: 100 })) ?? []
  assert.deepEqual(after.slice(0, before?.length), before)
  assert.equal(after.filter(({ kind }) => kind === 'log').length, 5)
  assert.ok((await collection('records').countDocuments()) > 2, 'some lines were moved')
})

test('a removal that was begun is hidden from everybody, and completed', async (t) => {
  const { store, collection, advance } = await openAt(t)
  const task = newTask({ idempotency: { key: 'k', fingerprint: 'a' } })
  await store.tasks.enqueue(submissions(task))
  await succeed(store)
  await collection('tasks').updateOne({ _id: task.id }, { $set: { state: 'removed' } })
  assert.deepEqual(await statuses(store, [task]), [null])
  assert.deepEqual(await store.tasks.retry({ namespace: 'default', taskIds: [task.id] }), [{ kind: 'not-found' }])
  advance(20_000)
  await store.upkeep.sweep(SWEEP)
  assert.equal(await collection('tasks').findOne({ _id: task.id }), null)
  const again = newTask({ idempotency: { key: 'k', fingerprint: 'a' } })
  assert.deepEqual(await store.tasks.enqueue(submissions(again)), [
    { kind: 'idempotent-task-gone', key: 'k', taskId: task.id },
  ])
})

async function statuses(store: OpenedStore, tasks: readonly { readonly id: string }[]) {
  const found = await store.reads.find({ namespace: 'default', taskIds: tasks.map(({ id }) => id) })
  return found.map((task) => task?.status ?? null)
}

async function countsOf(store: OpenedStore): Promise<QueueCounts | undefined> {
  return (await store.reads.counts({ namespace: 'default', queue: 'default' }))[0]
}

async function succeed(store: OpenedStore, limit = 10): Promise<void> {
  const tasks = await store.tasks.claim({ ...CLAIM, limit })
  const settlements = tasks.map(
    ({ id, lease }): Settlement => ({
      taskId: id,
      token: lease.token,
      outcome: 'succeeded',
      result: 'null' as JsonText,
    }),
  )
  await store.tasks.settle({ namespace: 'default', settlements, claim: null })
}
