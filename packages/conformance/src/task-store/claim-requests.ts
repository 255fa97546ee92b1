import assert from 'node:assert/strict'
import type { ClaimParams, JsonText, LeasedTask, NewTask, Settlement } from '@taskyard/core'
import { createReferenceStore } from '../reference/reference-store.ts'
import { type Calls, CLAIM, callsOn, failed, idsOf, leaseRef, only, released, type Scene, succeeded } from '../scene.ts'
import type { Suite } from '../suite.ts'

const REQUEST = { requestId: 'request-1', limit: 2 }

export function describeClaimRequests({ describe, it, itWithoutFaults }: Suite): void {
  describe('claims that are repeated', () => {
    it('the same claim again gives the same leases, and takes nothing else', async (scene) => {
      const ids = [await scene.submit(), await scene.submit(), await scene.submit()]
      const first = await scene.claim(REQUEST)
      const again = await scene.claim(REQUEST)
      assert.deepEqual(idsOf(first), ids.slice(0, 2))
      assert.deepEqual(leasesOf(again), leasesOf(first))
      assert.equal((await scene.find(ids[2] as string)).status, 'queued')
      assert.deepEqual(again.map(comparable), first.map(comparable))
    })

    it('gives them in the order of a claim', async (scene) => {
      const ids: string[] = []
      for (const priority of [0, 2, 1, 0, 2]) ids.push(await scene.submit({ priority }))
      const inOrder = [1, 4, 2, 0, 3].map((index) => ids[index])
      assert.deepEqual(idsOf(await scene.claim({ ...REQUEST, limit: 5 })), inOrder)
      assert.deepEqual(idsOf(await scene.claim({ ...REQUEST, limit: 5 })), inOrder)
    })

    it('gives what was submitted earlier first, also where it has come back since', async (scene) => {
      const ids = [await scene.submit(), await scene.submit(), await scene.submit()]
      await scene.settle(await scene.claimOne(), failed({ retryable: false }))
      await scene.clock.advance(1)
      await scene.retry(ids[0] as string)
      assert.equal((await scene.claim({ ...REQUEST, limit: 3 })).length, 3)
      assert.deepEqual(idsOf(await scene.claim({ ...REQUEST, limit: 3 })), ids)
    })

    itWithoutFaults('the leases that it gives again run from the repetition', async (scene) => {
      const id = await scene.submit()
      await scene.claim({ ...REQUEST, leaseMs: 2_000 })
      await scene.clock.advance(1_500)
      const again = only(await scene.claim({ ...REQUEST, leaseMs: 2_000 }))
      assert.equal(again.lease.expiresAt, scene.clock.now() + 2_000)
      await scene.clock.advance(1_999)
      assert.deepEqual((await scene.sweep()).ended, [])
      await scene.clock.advance(1)
      assert.equal(only((await scene.sweep()).ended).taskId, id)
    })

    it('tells another end each time, also in one millisecond and where the deadline comes first', async (scene) => {
      await scene.submit({ timeoutSeconds: 4 })
      await scene.submit({ timeoutSeconds: null })
      const told = new Set<string>()
      for (let time = 1; time <= 4; time++) {
        for (const { id, lease } of await scene.claim({ ...REQUEST, leaseMs: 10_000 }))
          told.add(`${id} ${lease.expiresAt}`)
        assert.equal(told.size, 2 * time)
      }
    })

    it('a repetition leaves the history and the attempt as they are', async (scene) => {
      const task = only([await scene.submit()])
      await scene.claim(REQUEST)
      const before = [await scene.events(task), await scene.counts()]
      await scene.claim(REQUEST)
      assert.deepEqual([await scene.events(task), await scene.counts()], before)
      assert.equal((await scene.find(task)).attempt, 1)
    })

    it('a repetition gives what still holds of several', async (scene) => {
      await scene.submit()
      await scene.submit()
      const [one, other] = (await scene.claim(REQUEST)) as [LeasedTask, LeasedTask]
      await scene.settle(one, succeeded())
      assert.deepEqual(leasesOf(await scene.claim(REQUEST)), leasesOf([other]))
    })

    it('when none holds any more, it claims anew', async (scene) => {
      const id = await scene.submit()
      const first = only(await scene.claim(REQUEST))
      await scene.settle(first, released)
      const again = only(await scene.claim(REQUEST))
      assert.equal(again.id, id)
      assert.ok(again.lease.token > first.lease.token)
    })

    it('another call, another worker and another namespace are served by themselves', async (scene) => {
      const worker = { workerId: 'worker-2', nodeId: null, session: false }
      const wanted: Partial<ClaimParams>[] = [{}, { requestId: 'request-2' }, { worker }, { requestId: null }]
      for (const _ of wanted) await scene.submit()
      const foreign = await scene.submit({ namespace: 'other' })
      const taken: string[] = []
      for (const each of wanted) taken.push(only(await scene.claim({ ...REQUEST, limit: 1, ...each })).id)
      assert.equal(new Set(taken).size, wanted.length)
      assert.deepEqual(idsOf(await scene.claim({ ...REQUEST, limit: 1, namespace: 'other' })), [foreign])
    })

    itWithoutFaults('says of each lease whether it was given before', async (scene) => {
      await scene.submit()
      const first = only(await scene.claim(REQUEST))
      assert.equal(first.lease.again, undefined)
      assert.equal(only(await scene.claim(REQUEST)).lease.again, true)
    })

    itWithoutFaults('tells of what it gives, also again, all that the reference tells', async (scene) => {
      const [given, expected] = await giveTwice(scene)
      assert.deepEqual(given, expected)
    })

    it('moves the end of what it gives again, also in the very millisecond', async (scene) => {
      await scene.submit()
      const first = only(await scene.claim(REQUEST))
      const again = only(await scene.claim(REQUEST))
      assert.notEqual(again.lease.expiresAt, first.lease.expiresAt)
      assert.equal(await giveBack(scene, first), 'lost')
    })

    it('moves each end by itself, and none backwards', async (scene) => {
      for (let task = 0; task < 2; task++) await scene.submit()
      const [long, short] = (await scene.claim(REQUEST)) as [LeasedTask, LeasedTask]
      await scene.extend(long, 60_000)
      const before = scene.clock.now()
      await scene.clock.advance(1_000)
      const again = await scene.claim({ ...REQUEST, leaseMs: 30_000 })
      const ends = new Map(again.map(({ id, lease }) => [id, lease.expiresAt]))
      assert.ok((ends.get(long.id) as number) > before + 60_000)
      assert.ok((ends.get(short.id) as number) < before + 60_000)
    })

    it('is not undone by who gives back what the first call got', async (scene) => {
      await scene.submit()
      const first = only(await scene.claim(REQUEST))
      await scene.clock.advance(1)
      const again = only(await scene.claim(REQUEST))
      assert.equal(await giveBack(scene, first), 'lost')
      assert.equal((await scene.find(first.id)).status, 'running')
      assert.equal(await giveBack(scene, again), 'ok')
      const { status, attempt } = await scene.find(first.id)
      assert.deepEqual({ status, attempt }, { status: 'queued', attempt: 0 })
    })

    it('a lease that was extended since is not given back by who knows only its old end', async (scene) => {
      const id = await scene.submit()
      const first = await scene.claimOne()
      await scene.clock.advance(1)
      assert.equal(await scene.extend(first), 'ok')
      assert.equal(await giveBack(scene, first), 'lost')
      assert.equal((await scene.find(id)).status, 'running')
      assert.equal((await scene.settle(first, succeeded())).status, 'ok')
    })

    it('a lease is given back only by who knows its end also where the deadline of its task comes first', async (scene) => {
      await scene.submit({ timeoutSeconds: 5 })
      const first = only(await scene.claim(REQUEST))
      const again = only(await scene.claim(REQUEST))
      assert.equal(await giveBack(scene, first), 'lost')
      assert.equal(await giveBack(scene, again), 'ok')
    })

    it('one lease that was extended since does not keep others from being given back', async (scene) => {
      for (let task = 0; task < 3; task++) await scene.submit()
      const [kept, ...others] = (await scene.claim({ limit: 3 })) as [LeasedTask, ...LeasedTask[]]
      await scene.clock.advance(1)
      await scene.extend(kept)
      const settlements = [others[0] as LeasedTask, kept, others[1] as LeasedTask].map(asGivenBack)
      const { results } = await scene.store.tasks.settle({ namespace: 'default', settlements, claim: null })
      assert.deepEqual(
        results.map(({ status }) => status),
        ['ok', 'lost', 'ok'],
      )
      assert.deepEqual(new Set(idsOf(await scene.claim({ limit: 3 }))), new Set(idsOf(others)))
    })

    it('a lease that is not given back, because it was extended, takes the next word of the same call', async (scene) => {
      await scene.submit()
      const task = await scene.claimOne()
      await scene.clock.advance(1)
      await scene.extend(task)
      const settlements: Settlement[] = [asGivenBack(task), { ...leaseRef(task), ...succeeded() }]
      const { results } = await scene.store.tasks.settle({ namespace: 'default', settlements, claim: null })
      assert.deepEqual(
        results.map(({ status }) => status),
        ['lost', 'ok'],
      )
    })

    it('holds for the claim beside a settlement', async (scene) => {
      await scene.submit()
      await scene.submit()
      const first = await scene.claimOne()
      const settlements = [{ ...leaseRef(first), outcome: 'succeeded', result: null } as const]
      const call = { namespace: 'default', settlements, claim: { ...CLAIM, ...REQUEST } }
      const report = await scene.store.tasks.settle(call)
      const again = await scene.store.tasks.settle(call)
      assert.equal(only(again.results).status, 'ok')
      assert.deepEqual(leasesOf(again.tasks), leasesOf(report.tasks))
      assert.equal(report.tasks.length, 1)
      assert.equal(only(again.tasks).lease.again, true)
    })

    it('gives what it gave also from a queue that was paused since', async (scene) => {
      await scene.submit()
      const first = await scene.claim(REQUEST)
      await scene.store.queues.pause({ namespace: 'default', queue: 'default', paused: true })
      assert.deepEqual(leasesOf(await scene.claim(REQUEST)), leasesOf(first))
    })

    it('tells all that was given to claims of one name at the same time', async (scene) => {
      for (let task = 0; task < 8; task++) await scene.submit()
      await Promise.all(Array.from({ length: 4 }, () => scene.claim(REQUEST)))
      const { counts } = await scene.counts()
      const held = await scene.claim(REQUEST)
      assert.ok(held.length <= REQUEST.limit)
      assert.equal(held.length, counts.running, 'whatever was given under this name is told')
    })

    it('gives what one call of a name may have to several at the same time', async (scene) => {
      await showSimultaneous([scene, scene])
    })
  })
}

/** Claims of one name at the same time, again and again: they get the tasks of one claim, and hold no others. */
export async function showSimultaneous(processes: readonly Calls[], rounds = 20): Promise<void> {
  const [calls] = processes as readonly [Calls, ...Calls[]]
  for (let round = 0; round < rounds; round++) {
    const queue = `queue-${round}`
    await calls.enqueue([Array.from({ length: 3 * REQUEST.limit }, () => calls.newTask({ queue }))])
    const answers = await Promise.all(processes.map((process) => process.claim({ ...REQUEST, queues: [queue] })))
    const given = new Set(answers.filter((tasks) => tasks.length > 0).map((tasks) => leasesOf(tasks).join()))
    assert.ok(given.size <= 1, `different tasks are given: ${[...given].join(' and ')}`)
    const held = await calls.claim({ ...REQUEST, queues: [queue] })
    assert.equal((await calls.counts(queue)).counts.running, held.length)
    if (given.size === 1) assert.deepEqual(leasesOf(held).join(), [...given][0])
    for (const task of held) await calls.settle(task, succeeded())
  }
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
async function giveTwice(scene: Scene): Promise<readonly unknown[]> {
  const { clock, newTask } = scene
  const reference = createReferenceStore(clock)
  const stores: readonly Calls[] = [scene, callsOn(() => reference, newTask)]
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

async function giveBack(scene: Scene, task: LeasedTask): Promise<string> {
  return only(
    (await scene.store.tasks.settle({ namespace: 'default', settlements: [asGivenBack(task)], claim: null })).results,
  ).status
}

function leasesOf(tasks: readonly LeasedTask[]): readonly string[] {
  return tasks.map(({ id, lease }) => `${id} ${lease.token}`).sort()
}

function comparable({ lease, ...task }: LeasedTask): unknown {
  return { ...task, lease: { token: lease.token } }
}

/** Tokens rise in each store as they like. */
function withoutToken({ lease: { token, ...lease }, ...task }: LeasedTask): unknown {
  return { ...task, lease }
}
