import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import { HeartbeatLoop } from '../src/heartbeat-loop.ts'
import { LeaseBoard } from '../src/lease-board.ts'
import { startMainThreadTicks } from '../src/main-thread-watch.ts'

const LEASE_MS = 30_000

/** A loop that holds one lease; `isAway` is looked at by each call. */
function testBed(isAway = () => false) {
  const board = LeaseBoard.create(1)
  const clock = createSimulatedClock()
  const startedAt = clock.now()
  const calls: number[] = []
  const loop = new HeartbeatLoop({
    board,
    clock,
    leaseMs: LEASE_MS,
    random: () => 1,
    extender: {
      extend: async ({ leases }) => {
        calls.push(clock.now() - startedAt)
        if (isAway()) throw new Error('away')
        return leases.map(() => 'ok')
      },
      close: async () => {},
    },
    onNews: () => {},
    onError: () => {},
  })
  board.hold(0, '00000000-0000-7000-8000-000000000001', 1)
  const callsIn = async (ms: number) => {
    const before = calls.length
    await clock.advance(ms)
    return calls.slice(before)
  }
  return { board, clock, startedAt, calls, loop, callsIn }
}

test('while the main thread ticks, leases are extended at a third of their time', async () => {
  const { board, clock, callsIn } = testBed()
  startMainThreadTicks(board, clock)
  const calls = await callsIn(LEASE_MS * 2)
  assert.ok(calls.length <= 8, `${calls}`)
})

test('as long as the main thread is blocked, leases are extended every 2 s', async () => {
  const { board, clock, startedAt, callsIn } = testBed()
  const block = startMainThreadTicks(board, clock)
  await clock.advance(LEASE_MS)
  block()
  const blockedAt = clock.now() - startedAt
  const calls = [blockedAt, ...(await callsIn(20_000))]
  const gaps = calls.slice(1).map((at, index) => at - (calls[index] as number))
  assert.ok((gaps[0] as number) <= 3500, `${gaps}`)
  assert.ok(gaps.length >= 9 && gaps.slice(1).every((gap) => gap <= 2000), `${gaps}`)
  startMainThreadTicks(board, clock)
  await clock.advance(2000)
  assert.ok((await callsIn(LEASE_MS)).length <= 4)
})

test('a lease taken just before the main thread is blocked is extended within 4 s', async () => {
  const { callsIn } = testBed()
  const [first = Number.POSITIVE_INFINITY] = await callsIn(4000)
  assert.ok(first <= 4000, `${first}`)
})

test('while the main thread is blocked, a heartbeat that fails is repeated within a second', async () => {
  const { callsIn } = testBed(() => true)
  await callsIn(4000)
  const calls = await callsIn(10_000)
  assert.ok(calls.length >= 9, `${calls}`)
})

test('a session that is whole ends no hurry of a blocked main thread', async () => {
  const { clock, loop, callsIn } = testBed()
  await clock.advance(4000)
  loop.sessionChanged(true)
  loop.sessionChanged(false)
  assert.ok((await callsIn(10_000)).length >= 4)
})

test('the end of a hurry hastens nothing', async () => {
  const { board, clock, calls, loop, callsIn } = testBed(() => true)
  startMainThreadTicks(board, clock)
  await clock.advance(0)
  loop.sessionChanged(true)
  const before = await callsIn(10_000)
  assert.ok(before.length >= 2)
  loop.sessionChanged(false)
  await clock.advance(0)
  assert.deepEqual(calls, before)
})

test('a loop that is stopped beats no more', async () => {
  const { clock, loop, callsIn } = testBed()
  await clock.advance(4000)
  loop.stop()
  assert.deepEqual(await callsIn(LEASE_MS), [])
})

for (const setBy of [-3_600_000, -60_000, 3_600_000]) {
  test(`leases are extended in their time when the clock is set by ${setBy / 60_000} min`, async () => {
    const { board, clock, callsIn } = testBed()
    startMainThreadTicks(board, clock)
    await clock.advance(LEASE_MS)
    const before = (await callsIn(LEASE_MS)).length
    clock.set(setBy)
    assert.equal((await callsIn(LEASE_MS)).length, before)
    assert.ok(before >= 3 && before <= 4, `${before}`)
  })

  test(`a main thread that is blocked is noticed when the clock is set by ${setBy / 60_000} min`, async () => {
    const { board, clock, callsIn } = testBed()
    const block = startMainThreadTicks(board, clock)
    await clock.advance(LEASE_MS)
    clock.set(setBy)
    block()
    const calls = await callsIn(20_000)
    assert.ok(calls.length >= 8, `${calls}`)
  })
}

test('when a heartbeat was answered is a time of day', async () => {
  const { board, clock, callsIn } = testBed()
  clock.set(-3_600_000)
  await callsIn(4000)
  const at = board.answeredAt(0) ?? 0
  assert.ok(at <= clock.now() && at > clock.now() - 4000, `${new Date(at).toISOString()}`)
})
