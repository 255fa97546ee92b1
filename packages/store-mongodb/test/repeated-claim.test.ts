import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import type { LeasedTask, OpenedStore } from '@taskyard/core'
import { aroundNextWrite, CLAIM, closeClients, freshUrl, newTask, openStore, submissions } from './test-bed.ts'

// Another process changes a lease between the read and the write of the claim that gives it again.

after(closeClients)

const NOW = Date.UTC(2026, 0, 1)
const NAMED = { ...CLAIM, requestId: 'request-1' }

interface Given {
  readonly one: OpenedStore
  readonly other: OpenedStore
  readonly leased: LeasedTask
}

async function givenOnce(t: TestContext): Promise<Given> {
  const setting = { url: await freshUrl(t), storeTime: () => NOW }
  const [one, other] = [await openStore(t, setting), await openStore(t, setting)]
  await one.tasks.enqueue(submissions(newTask()))
  const [leased] = (await one.tasks.claim(NAMED)) as [LeasedTask]
  return { one, other, leased }
}

async function endOf(store: OpenedStore): Promise<number | undefined> {
  return (await store.presence.holders({ namespace: null }))[0]?.lastEnd
}

test('a lease that was extended meanwhile is not given again to an earlier end', async (t) => {
  const { one, other, leased } = await givenOnce(t)
  const leases = [{ taskId: leased.id, token: leased.lease.token }]
  aroundNextWrite(() => other.tasks.extend({ namespace: 'default', leases, leaseMs: 60_000 }), null)
  const [again] = await one.tasks.claim(NAMED)
  assert.equal(again?.lease.expiresAt, NOW + 60_001)
  assert.equal(await endOf(other), NOW + 60_001)
})

test('two claims that give a lease again at once give it to different ends', async (t) => {
  const { one, other } = await givenOnce(t)
  const meanwhile: (number | undefined)[] = []
  aroundNextWrite(async () => meanwhile.push((await other.tasks.claim(NAMED))[0]?.lease.expiresAt), null)
  const [again] = await one.tasks.claim(NAMED)
  assert.deepEqual(meanwhile, [NOW + CLAIM.leaseMs + 1])
  assert.equal(again?.lease.expiresAt, NOW + CLAIM.leaseMs + 2)
})

test('a lease whose task was asked to stop meanwhile says so when it is given again', async (t) => {
  const { one, other, leased } = await givenOnce(t)
  aroundNextWrite(() => other.tasks.cancel({ namespace: 'default', taskIds: [leased.id] }), null)
  const [again] = await one.tasks.claim(NAMED)
  assert.equal(again?.cancelRequestedAt, NOW)
})

test('a lease that was settled meanwhile is not given again', async (t) => {
  const { one, other, leased } = await givenOnce(t)
  const outcome = { outcome: 'succeeded', result: null } as const
  const settlements = [{ taskId: leased.id, token: leased.lease.token, ...outcome }]
  aroundNextWrite(() => other.tasks.settle({ namespace: 'default', settlements, claim: null }), null)
  assert.deepEqual(await one.tasks.claim(NAMED), [])
})
