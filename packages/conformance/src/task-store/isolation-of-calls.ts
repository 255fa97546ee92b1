import assert from 'node:assert/strict'
import type { Claimers, JsonText, LeaseRef, OpenedStore, StoreCall } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import {
  CLAIM,
  EVERYTHING,
  failed,
  leaseRef,
  only,
  SESSION_WORKER,
  submissions,
  succeeded,
  type TestBed,
  wholeHistory,
} from '../test-bed.ts'

/** What somebody may know of a namespace: its own, or another. */
interface Known {
  readonly queue: string
  readonly type: string
  readonly key: string
  readonly workerId: string
  readonly requestId: string
  readonly waiting: string
  readonly failed: string
  readonly running: LeaseRef
  /** Its settlement was accepted. */
  readonly succeeded: LeaseRef
}

/** A call that names something of what is known, in this namespace. What is new with each call is left out of its answer. */
type CallOn = (store: OpenedStore, namespace: string, known: Known, bed: TestBed) => Promise<unknown>

const TTL_MS = 60_000

/** Every call but those that name nothing: `sweep`, and `migrate`. */
const CALLS: Readonly<Record<Exclude<StoreCall, 'migrate' | 'sweep'>, CallOn>> = {
  async enqueue(store, namespace, { queue, key }, bed) {
    const idempotency = { key, fingerprint: 'print' }
    const task = bed.newTask({ namespace, queue, idempotency, delayMs: 1_000 })
    const outcome = only(await store.tasks.enqueue(submissions(task)))
    return outcome.kind === 'accepted' ? outcome.tasks.map(({ replayed }) => replayed) : outcome.kind
  },
  async claim(store, namespace, { queue, workerId, requestId }) {
    const worker = { ...SESSION_WORKER, workerId }
    const again = await store.tasks.claim({ ...CLAIM, namespace, queues: [queue], worker, requestId })
    const others = await store.tasks.claim({ ...CLAIM, namespace, queues: [queue] })
    return [again.length, others.length]
  },
  extend: (store, namespace, { running, succeeded }) =>
    store.tasks.extend({ namespace, leases: [running, succeeded], leaseMs: TTL_MS }),
  async settle(store, namespace, known) {
    const settlements = [known.running, known.succeeded].map((lease) => ({ ...lease, ...SUCCEEDED }))
    const claim = { ...CLAIM, namespace, queues: [known.queue] }
    const { results, tasks } = await store.tasks.settle({ namespace, settlements, claim })
    return [results.map(({ status }) => status), tasks.length]
  },
  record: (store, namespace, { running, succeeded }) =>
    store.tasks.record({
      namespace,
      entries: [running, succeeded].map((lease) => ({ ...lease, progress: '1' as JsonText, log: 'line' })),
    }),
  cancel: (store, namespace, known) => store.tasks.cancel({ namespace, taskIds: idsOf(known) }),
  retry: (store, namespace, known) => store.tasks.retry({ namespace, taskIds: idsOf(known) }),
  delete: (store, namespace, known) => store.tasks.delete({ namespace, taskIds: idsOf(known) }),
  async find(store, namespace, known) {
    const found = await store.reads.find({ namespace, taskIds: idsOf(known) })
    return found.map((task) => task?.status ?? null)
  },
  async list(store, namespace, { queue }) {
    return (await store.reads.list({ ...EVERYTHING, namespace, queue, limit: 10, cursor: null })).items.length
  },
  async history(store, namespace, known) {
    const read = (taskId: string) => store.reads.history({ namespace, taskId, after: 0, limit: 10 })
    return (await Promise.all(idsOf(known).map(read))).map((events) => events?.length ?? null)
  },
  counts: (store, namespace, { queue }) => store.reads.counts({ namespace, queue }),
  async position(store, namespace, known) {
    const read = (taskId: string) => store.reads.position({ namespace, taskId, atMost: 10 })
    return Promise.all(idsOf(known).map(read))
  },
  async readyLanes(store, namespace, { queue }) {
    const lanes = await store.reads.readyLanes({ namespace, limit: 10 })
    return lanes.filter((lane) => lane.queue === queue)
  },
  pause: (store, namespace, { queue }) => store.queues.pause({ namespace, queue, paused: true }),
  declareTypes: (store, namespace, { type }) =>
    store.taskTypes.declareTypes({ namespace, types: [{ type, defaults: { maxAttempts: 2 } }], limit: 10 }),
  async listTypes(store, namespace, { type }) {
    return (await store.taskTypes.listTypes({ namespace })).filter((each) => each.type === type).length
  },
  beat: (store, namespace, { workerId }) =>
    store.presence.beat({ nodeId: 'node-1', workers: [{ namespace, workerId }], ttlMs: TTL_MS }),
  async holders(store, namespace, known) {
    const holders = await store.presence.holders({ namespace })
    assert.ok(holders.every((held) => held.namespace === namespace))
    return holders.filter(({ workerId }) => workerId === known.workerId).length
  },
  async claimers(store, namespace, { workerId }) {
    const all = await store.presence.claimers({ namespace })
    return all.filter(({ workers }) => workers.some((worker) => worker.workerId === workerId))
  },
  async endLeases(store, namespace, { workerId }) {
    return (await store.presence.endLeases({ workers: [{ namespace, workerId }] })).length
  },
  async takeBackCrashes(store, namespace, { failed: _, ...known }) {
    const leases = [known.running, known.succeeded]
    await store.presence.takeBackCrashes({ namespace, leases })
    return null
  },
}

/** A take-back shows only in what becomes of the task later; that has tests of its own. */
const SHOWS_LATER: readonly string[] = ['takeBackCrashes']
const SUCCEEDED = succeeded('1' as JsonText)

function idsOf({ waiting, failed, running, succeeded }: Known): readonly string[] {
  return [waiting, failed, running.taskId, succeeded.taskId]
}

/** Every call that names something of another namespace: it finds nothing and changes nothing. */
export function describeIsolationOfCalls({ describe, it }: Suite): void {
  describe('a call in another namespace', () => {
    for (const [name, call] of Object.entries(CALLS)) {
      for (const [own, other] of [
        ['default', 'other'],
        ['other', 'default'],
      ] as const) {
        it(`is answered as if nothing were there, and changes nothing in ${own}: ${name}`, async (bed) => {
          const { store } = bed
          const known = await fill(bed, own, 'mine')
          // The other one has its own, so that it has been seen before.
          await fill(bed, other, 'theirs')
          const before = await everythingOf(bed, own, known)
          const aboutForeign = await call(store, other, known, bed)
          assert.deepEqual(await everythingOf(bed, own, known), before)
          const aboutUnknown = await call(store, other, unknown(bed), bed)
          assert.deepEqual(aboutForeign, aboutUnknown)
          const aboutOwn = await call(store, own, known, bed)
          if (SHOWS_LATER.includes(name)) return
          const shown = [aboutOwn, await everythingOf(bed, own, known)]
          assert.notDeepEqual(shown, [aboutUnknown, before], 'where it is, the same call says or does something')
        })
      }
    }
  })
}

/** Puts a task of every kind into a namespace. */
async function fill(bed: TestBed, namespace: string, name: string): Promise<Known> {
  const [queue, workerId, requestId] = [`${name}-queue`, `${name}-worker`, `${name}-request`]
  const where = { namespace, queue }
  const claim = { worker: { ...SESSION_WORKER, workerId }, leaseMs: 20_000 }
  const broken = await bed.start(where, claim)
  await bed.settle(broken, failed({ retryable: false }))
  await bed.store.presence.beat({ nodeId: name, workers: [], ttlMs: TTL_MS, claimers: [askFor(where, workerId)] })
  const done = await bed.start(where, claim)
  await bed.settle(done, SUCCEEDED)
  const running = await bed.start(where, { ...claim, requestId })
  const waiting = await bed.submit({ ...where, idempotency: { key: `${name}-key`, fingerprint: 'print' } })
  const type = `${name}-type`
  await bed.store.taskTypes.declareTypes({ namespace, types: [{ type, defaults: { maxAttempts: 1 } }], limit: 1 })
  const ids = { waiting, failed: broken.id, running: leaseRef(running), succeeded: leaseRef(done) }
  return { queue, type, key: `${name}-key`, workerId, requestId, ...ids }
}

function askFor({ namespace, queue }: { namespace: string; queue: string }, workerId: string): Claimers {
  const worker = { workerId, seenAgoMs: 0, concurrency: null, connected: false, watched: false, embedded: false }
  return { namespace, queues: [queue], types: null, isPart: false, workers: [worker] }
}

/** What nobody has. */
function unknown(bed: TestBed): Known {
  const lease = () => ({ taskId: bed.newTask().id, token: 1 })
  const ids = { waiting: lease().taskId, failed: lease().taskId, running: lease(), succeeded: lease() }
  return { queue: 'no-queue', type: 'no-type', key: 'no-key', workerId: 'no-worker', requestId: 'no-request', ...ids }
}

/** All that can be seen of what is known in a namespace. */
async function everythingOf({ store }: TestBed, namespace: string, known: Known): Promise<unknown> {
  const taskIds = idsOf(known)
  return {
    tasks: await store.reads.find({ namespace, taskIds }),
    histories: await Promise.all(taskIds.map((taskId) => wholeHistory(store, taskId, namespace))),
    counts: await store.reads.counts({ namespace, queue: null }),
    types: await store.taskTypes.listTypes({ namespace }),
    holders: await store.presence.holders({ namespace }),
  }
}
