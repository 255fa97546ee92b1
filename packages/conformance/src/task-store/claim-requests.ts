import assert from 'node:assert/strict'
import type { ClaimParams, JsonText, LeasedTask, NewTask, Settlement } from '@taskyard/core'
import { createReferenceStore } from '../reference/reference-store.ts'
import type { Suite } from '../suite.ts'
import {
  type Calls,
  CLAIM,
  callsOn,
  failed,
  idsOf,
  leaseRef,
  only,
  released,
  succeeded,
  type TestBed,
} from '../test-bed.ts'
import { assertSimultaneousClaims, leasesOf, REQUEST } from './simultaneous-claims.ts'

/** Claims with a request id that are repeated: the same leases again, no further tasks. */
export function describeClaimRequests({ describe, it, itWithoutFaults }: Suite): void {
  describe('claims that are repeated', () => {
    it('the same claim again gives the same leases, and takes nothing else', async (bed) => {
      const ids = [await bed.submit(), await bed.submit(), await bed.submit()]
      const first = await bed.claim(REQUEST)
      const again = await bed.claim(REQUEST)
      assert.deepEqual(idsOf(first), ids.slice(0, 2))
      assert.deepEqual(leasesOf(again), leasesOf(first))
      assert.equal((await bed.find(ids[2] as string)).status, 'queued')
      assert.deepEqual(again.map(comparable), first.map(comparable))
    })

    it('gives them in the order of a claim', async (bed) => {
      const ids: string[] = []
      for (const priority of [0, 2, 1, 0, 2]) ids.push(await bed.submit({ priority }))
      const inOrder = [1, 4, 2, 0, 3].map((index) => ids[index])
      assert.deepEqual(idsOf(await bed.claim({ ...REQUEST, limit: 5 })), inOrder)
      assert.deepEqual(idsOf(await bed.claim({ ...REQUEST, limit: 5 })), inOrder)
    })

    it('gives what was submitted earlier first, also where it has come back since', async (bed) => {
      const ids = [await bed.submit(), await bed.submit(), await bed.submit()]
      await bed.settle(await bed.claimOne(), failed({ retryable: false }))
      await bed.clock.advance(1)
      await bed.retry(ids[0] as string)
      assert.equal((await bed.claim({ ...REQUEST, limit: 3 })).length, 3)
      assert.deepEqual(idsOf(await bed.claim({ ...REQUEST, limit: 3 })), ids)
    })

    itWithoutFaults('the leases that it gives again run from the repetition', async (bed) => {
      const id = await bed.submit()
      await bed.claim({ ...REQUEST, leaseMs: 2_000 })
      await bed.clock.advance(1_500)
      const again = only(await bed.claim({ ...REQUEST, leaseMs: 2_000 }))
      assert.equal(again.lease.expiresAt, bed.clock.now() + 2_000)
      await bed.clock.advance(1_999)
      assert.deepEqual((await bed.sweep()).ended, [])
      await bed.clock.advance(1)
      assert.equal(only((await bed.sweep()).ended).taskId, id)
    })

    it('tells another end each time, also in one millisecond and where the deadline comes first', async (bed) => {
      await bed.submit({ timeoutSeconds: 4 })
      await bed.submit({ timeoutSeconds: null })
      const told = new Set<string>()
      for (let time = 1; time <= 4; time++) {
        for (const { id, lease } of await bed.claim({ ...REQUEST, leaseMs: 10_000 }))
          told.add(`${id} ${lease.expiresAt}`)
        assert.equal(told.size, 2 * time)
      }
    })

    it('a repetition leaves the history and the attempt as they are', async (bed) => {
      const task = only([await bed.submit()])
      await bed.claim(REQUEST)
      const before = [await bed.events(task), await bed.counts()]
      await bed.claim(REQUEST)
      assert.deepEqual([await bed.events(task), await bed.counts()], before)
      assert.equal((await bed.find(task)).attempt, 1)
    })

    it('a repetition gives what still holds of several', async (bed) => {
      await bed.submit()
      await bed.submit()
      const [one, other] = (await bed.claim(REQUEST)) as [LeasedTask, LeasedTask]
      await bed.settle(one, succeeded())
      assert.deepEqual(leasesOf(await bed.claim(REQUEST)), leasesOf([other]))
    })

    it('when none holds any more, it claims anew', async (bed) => {
      const id = await bed.submit()
      const first = only(await bed.claim(REQUEST))
      await bed.settle(first, released)
      const again = only(await bed.claim(REQUEST))
      assert.equal(again.id, id)
      assert.ok(again.lease.token > first.lease.token)
    })

    it('another call, another worker and another namespace are served by themselves', async (bed) => {
      const worker = { workerId: 'worker-2', nodeId: null, session: false }
      const wanted: Partial<ClaimParams>[] = [{}, { requestId: 'request-2' }, { worker }, { requestId: null }]
      for (const _ of wanted) await bed.submit()
      const foreign = await bed.submit({ namespace: 'other' })
      const taken: string[] = []
      for (const each of wanted) taken.push(only(await bed.claim({ ...REQUEST, limit: 1, ...each })).id)
      assert.equal(new Set(taken).size, wanted.length)
      assert.deepEqual(idsOf(await bed.claim({ ...REQUEST, limit: 1, namespace: 'other' })), [foreign])
    })

    itWithoutFaults('says of each lease whether it was given before', async (bed) => {
      await bed.submit()
      const first = only(await bed.claim(REQUEST))
      assert.equal(first.lease.again, undefined)
      assert.equal(only(await bed.claim(REQUEST)).lease.again, true)
    })

    itWithoutFaults('tells of what it gives, also again, all that the reference tells', async (bed) => {
      const [given, expected] = await giveTwice(bed)
      assert.deepEqual(given, expected)
    })

    it('moves the end of what it gives again, also in the very millisecond', async (bed) => {
      await bed.submit()
      const first = only(await bed.claim(REQUEST))
      const again = only(await bed.claim(REQUEST))
      assert.notEqual(again.lease.expiresAt, first.lease.expiresAt)
      assert.equal(await giveBack(bed, first), 'lost')
    })

    it('moves each end by itself, and none backwards', async (bed) => {
      for (let task = 0; task < 2; task++) await bed.submit()
      const [long, short] = (await bed.claim(REQUEST)) as [LeasedTask, LeasedTask]
      await bed.extend(long, 60_000)
      const before = bed.clock.now()
      await bed.clock.advance(1_000)
      const again = await bed.claim({ ...REQUEST, leaseMs: 30_000 })
      const ends = new Map(again.map(({ id, lease }) => [id, lease.expiresAt]))
      assert.ok((ends.get(long.id) as number) > before + 60_000)
      assert.ok((ends.get(short.id) as number) < before + 60_000)
    })

    it('is not undone by who gives back what the first call got', async (bed) => {
      await bed.submit()
      const first = only(await bed.claim(REQUEST))
      await bed.clock.advance(1)
      const again = only(await bed.claim(REQUEST))
      assert.equal(await giveBack(bed, first), 'lost')
      assert.equal((await bed.find(first.id)).status, 'running')
      assert.equal(await giveBack(bed, again), 'ok')
      const { status, attempt } = await bed.find(first.id)
      assert.deepEqual({ status, attempt }, { status: 'queued', attempt: 0 })
    })

    it('a lease that was extended since is not given back by who knows only its old end', async (bed) => {
      const id = await bed.submit()
      const first = await bed.claimOne()
      await bed.clock.advance(1)
      assert.equal(await bed.extend(first), 'ok')
      assert.equal(await giveBack(bed, first), 'lost')
      assert.equal((await bed.find(id)).status, 'running')
      assert.equal((await bed.settle(first, succeeded())).status, 'ok')
    })

    it('a lease is given back only by who knows its end also where the deadline of its task comes first', async (bed) => {
      await bed.submit({ timeoutSeconds: 5 })
      const first = only(await bed.claim(REQUEST))
      const again = only(await bed.claim(REQUEST))
      assert.equal(await giveBack(bed, first), 'lost')
      assert.equal(await giveBack(bed, again), 'ok')
    })

    it('one lease that was extended since does not keep others from being given back', async (bed) => {
      for (let task = 0; task < 3; task++) await bed.submit()
      const [kept, ...others] = (await bed.claim({ limit: 3 })) as [LeasedTask, ...LeasedTask[]]
      await bed.clock.advance(1)
      await bed.extend(kept)
      const settlements = [others[0] as LeasedTask, kept, others[1] as LeasedTask].map(asGivenBack)
      const { results } = await bed.store.tasks.settle({ namespace: 'default', settlements, claim: null })
      assert.deepEqual(
        results.map(({ status }) => status),
        ['ok', 'lost', 'ok'],
      )
      assert.deepEqual(new Set(idsOf(await bed.claim({ limit: 3 }))), new Set(idsOf(others)))
    })

    it('a lease that is not given back, because it was extended, takes the next word of the same call', async (bed) => {
      await bed.submit()
      const task = await bed.claimOne()
      await bed.clock.advance(1)
      await bed.extend(task)
      const settlements: Settlement[] = [asGivenBack(task), { ...leaseRef(task), ...succeeded() }]
      const { results } = await bed.store.tasks.settle({ namespace: 'default', settlements, claim: null })
      assert.deepEqual(
        results.map(({ status }) => status),
        ['lost', 'ok'],
      )
    })

    it('holds for the claim beside a settlement', async (bed) => {
      await bed.submit()
      await bed.submit()
      const first = await bed.claimOne()
      const settlements = [{ ...leaseRef(first), outcome: 'succeeded', result: null } as const]
      const call = { namespace: 'default', settlements, claim: { ...CLAIM, ...REQUEST } }
      const report = await bed.store.tasks.settle(call)
      const again = await bed.store.tasks.settle(call)
      assert.equal(only(again.results).status, 'ok')
      assert.deepEqual(leasesOf(again.tasks), leasesOf(report.tasks))
      assert.equal(report.tasks.length, 1)
      assert.equal(only(again.tasks).lease.again, true)
    })

    it('gives what it gave also from a queue that was paused since', async (bed) => {
      await bed.submit()
      const first = await bed.claim(REQUEST)
      await bed.store.queues.pause({ namespace: 'default', queue: 'default', paused: true })
      assert.deepEqual(leasesOf(await bed.claim(REQUEST)), leasesOf(first))
    })

    it('tells all that was given to claims of one name at the same time', async (bed) => {
      for (let task = 0; task < 8; task++) await bed.submit()
      await Promise.all(Array.from({ length: 4 }, () => bed.claim(REQUEST)))
      const { counts } = await bed.counts()
      const held = await bed.claim(REQUEST)
      assert.ok(held.length <= REQUEST.limit)
      assert.equal(held.length, counts.running, 'whatever was given under this name is told')
    })

    it('gives what one call of a name may have to several at the same time', async (bed) => {
      await assertSimultaneousClaims([bed, bed])
    })
  })
}

const EVERY_OPTION: Partial<NewTask> = {
  priority: 1,
  payload: '{"a":[1]}' as JsonText,
  maxAttempts: 7,
  backoff: { kind: 'fixed', baseSeconds: 3, factor: 1, maxSeconds: 30 },
  timeoutSeconds: 60,
  tags: ['one', 'two'],
  idempotency: { key: 'key', fingerprint: 'fingerprint' },
}

/** What the store, and what the reference tells of a plain task and of one that has crashed, failed and is asked to stop. */
async function giveTwice(bed: TestBed): Promise<readonly unknown[]> {
  const { clock, newTask } = bed
  const reference = createReferenceStore(clock)
  const stores: readonly Calls[] = [bed, callsOn(() => reference, newTask)]
  const each = <Answer>(call: (store: Calls) => Promise<Answer>) => Promise.all(stores.map(call))

  const [eventful, plain] = [newTask(EVERY_OPTION), newTask()]
  await each((store) => store.enqueue([[eventful, plain]]))
  await each((store) => store.claimOne({ leaseMs: 1_000 }))
  await clock.advance(1_000)
  await each((store) => store.sweep())
  await each(async (store) => store.settle(await store.claimOne(), failed({ retryDelayMs: 2_000 })))
  await clock.advance(2_000)
  return each(async (store) => {
    const first = await store.claim(REQUEST)
    await store.record(first[0] as LeasedTask, { progress: { half: true } })
    await store.cancel(eventful.id)
    return [...first, ...(await store.claim(REQUEST))].map(withoutToken)
  })
}

function asGivenBack({ id, lease }: LeasedTask): Settlement {
  return { taskId: id, token: lease.token, outcome: 'released', expiresAt: lease.expiresAt }
}

async function giveBack(bed: TestBed, task: LeasedTask): Promise<string> {
  return only(
    (await bed.store.tasks.settle({ namespace: 'default', settlements: [asGivenBack(task)], claim: null })).results,
  ).status
}

function comparable({ lease, ...task }: LeasedTask): unknown {
  return { ...task, lease: { token: lease.token } }
}

/** Tokens rise in each store as they like. */
function withoutToken({ lease: { token, ...lease }, ...task }: LeasedTask): unknown {
  return { ...task, lease }
}
