import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import type { ExtendStatus, LeaseRef } from '@taskyard/core'
import type { LeaseNews } from '../src/heartbeat-messages.ts'
import { HeartbeatRounds } from '../src/heartbeat-rounds.ts'
import { LeaseBoard } from '../src/lease-board.ts'

const LEASE_MS = 30_000
const id = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`

function testBed(slots: number, answer: (lease: LeaseRef) => ExtendStatus | Promise<ExtendStatus> = () => 'ok') {
  const board = LeaseBoard.create(slots)
  const clock = createSimulatedClock()
  const calls: { at: number; leases: readonly LeaseRef[] }[] = []
  const news: LeaseNews[] = []
  const troubles: unknown[] = []
  const hurry = { isOn: false }
  const startedAt = clock.now()
  const rounds = new HeartbeatRounds({
    board,
    clock,
    leaseMs: LEASE_MS,
    random: () => 0.5,
    isHurried: () => hurry.isOn,
    extender: {
      extend: async ({ leases }, signal) => {
        calls.push({ at: clock.now() - startedAt, leases })
        const givenUp = new Promise<never>((_, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason))
        })
        return Promise.race([Promise.all(leases.map(answer)), givenUp])
      },
      close: async () => {},
    },
    onNews: (more) => news.push(...more),
    onError: (error) => troubles.push(error),
  })
  const runFor = async (ms: number) => {
    const end = clock.now() + ms
    while (clock.now() < end) await clock.advance(await rounds.run())
  }
  const largestGap = () => {
    const times = [0, ...calls.map(({ at }) => at)]
    return Math.max(...times.slice(1).map((at, index) => at - (times[index] as number)))
  }
  return { board, clock, calls, news, troubles, hurry, rounds, runFor, largestGap }
}

test('every lease is extended at least once in each third of its time', async () => {
  const { board, calls, largestGap, runFor } = testBed(2)
  board.hold(0, id(1), 1)
  await runFor(LEASE_MS * 3)
  assert.ok(calls.length >= 8)
  assert.ok(largestGap() <= LEASE_MS / 3, `${largestGap()} ms`)
})

test('in a hurry every lease is extended every 2 s', async () => {
  const { board, calls, largestGap, hurry, runFor } = testBed(2)
  board.hold(0, id(1), 1)
  hurry.isOn = true
  await runFor(LEASE_MS)
  assert.ok(calls.length >= 14, `${calls.length} calls`)
  assert.ok(largestGap() <= 2000, `${largestGap()} ms`)
  hurry.isOn = false
  const before = calls.length
  await runFor(LEASE_MS)
  assert.ok(calls.length - before <= 6, `${calls.length - before} calls`)
})

test('a hurry that begins during a round counts for the wait after it', async () => {
  const gate = Promise.withResolvers<ExtendStatus>()
  const { board, clock, hurry, rounds } = testBed(1, () => gate.promise)
  board.hold(0, id(1), 1)
  await clock.advance(await rounds.run())
  const asking = rounds.run()
  hurry.isOn = true
  gate.resolve('ok')
  assert.equal(await asking, 1000)
})

for (const [when, hurriedAt] of [
  ['in a hurry', 0],
  ['under way when the hurry begins', 1500],
] as const) {
  test(`a call ${when} that is not answered is given up after 2 s, and the next is made within a second`, async () => {
    let isHung = true
    const hung = new Promise<never>(() => {})
    const { board, calls, clock, hurry, rounds, troubles } = testBed(1, () => (isHung ? hung : 'ok'))
    board.hold(0, id(1), 1)
    await clock.advance(await rounds.run())
    const asking = rounds.run()
    await clock.advance(hurriedAt)
    hurry.isOn = true
    await clock.advance(2000 - hurriedAt)
    const waitMs = await asking
    assert.ok(waitMs <= 1000, `${waitMs} ms`)
    assert.match(String(troubles), /no answer within 2 s/)
    isHung = false
    await clock.advance(waitMs)
    await rounds.run()
    assert.equal(calls.length, 2)
    assert.equal(board.answeredAt(0), clock.now())
  })
}

test('a clock that is set back during a round does not put off the next', async () => {
  const gate = Promise.withResolvers<ExtendStatus>()
  const { board, clock, rounds } = testBed(1, () => gate.promise)
  board.hold(0, id(1), 1)
  await clock.advance(await rounds.run())
  const asking = rounds.run()
  clock.set(-3_600_000)
  gate.resolve('ok')
  assert.equal(await asking, LEASE_MS / 6)
})

test('after a machine slept every lease is extended with the next look', async () => {
  const { board, calls, clock, rounds, runFor } = testBed(2)
  board.hold(0, id(1), 1)
  await runFor(LEASE_MS)
  await rounds.run()
  const before = calls.length
  // Its monotonic clock stood still meanwhile.
  clock.set(3_600_000)
  await rounds.run()
  assert.equal(calls.length, before + 1)
})

test('without a hurry a call may take longer', async () => {
  const gate = Promise.withResolvers<ExtendStatus>()
  const { board, clock, rounds, troubles } = testBed(1, () => gate.promise)
  board.hold(0, id(1), 1)
  await clock.advance(await rounds.run())
  const asking = rounds.run()
  await clock.advance(9000)
  gate.resolve('ok')
  await asking
  assert.deepEqual(troubles, [])
})

test('a lease that ends before the second look costs no heartbeat', async () => {
  const { board, calls, rounds, runFor } = testBed(2)
  board.hold(0, id(1), 1)
  await rounds.run()
  board.release(0)
  await runFor(LEASE_MS)
  assert.deepEqual(calls, [])
})

test('id and token come through as they were, shorter ids too', async () => {
  const { board, calls, runFor } = testBed(4)
  board.hold(0, id(1), 7)
  board.hold(3, 'short', 2 ** 40)
  await runFor(LEASE_MS / 2)
  assert.deepEqual(calls[0]?.leases, [
    { taskId: id(1), token: 7 },
    { taskId: 'short', token: 2 ** 40 },
  ])
})

test('more than a thousand leases go in batches', async () => {
  const { board, calls, runFor } = testBed(2500)
  for (let slot = 0; slot < 2500; slot++) board.hold(slot, id(slot), 1)
  await runFor(LEASE_MS / 3)
  assert.deepEqual(
    calls.slice(0, 3).map(({ leases }) => leases.length),
    [1000, 1000, 500],
  )
})

test('lost is told once and the lease no longer extended; cancel is told once and extended on', async () => {
  const { board, calls, news, runFor } = testBed(2, ({ taskId }) => (taskId === id(1) ? 'lost' : 'cancel'))
  board.hold(0, id(1), 1)
  board.hold(1, id(2), 1)
  await runFor(LEASE_MS)
  assert.deepEqual(
    news.map(({ slot, status }) => [slot, status]),
    [
      [0, 'lost'],
      [1, 'cancel'],
    ],
  )
  assert.ok(calls.length >= 3)
  assert.ok(calls.slice(1).every(({ leases }) => leases.length === 1 && leases[0]?.taskId === id(2)))
})

test('an answer about a lease that has left its slot names the old generation and marks nothing', async () => {
  const gate = Promise.withResolvers<ExtendStatus>()
  const { board, clock, news, rounds } = testBed(1, () => gate.promise)
  board.hold(0, id(1), 1)
  const old = board.generation(0)
  await clock.advance(await rounds.run())
  const asking = rounds.run()
  board.release(0)
  board.hold(0, id(2), 1)
  gate.resolve('lost')
  await asking
  assert.deepEqual(news, [{ slot: 0, generation: old, taskId: id(1), token: 1, status: 'lost' }])
  assert.notEqual(board.generation(0), old)
  assert.equal(board.answeredAt(0), null)
})

test('a new lease in the slot of a lost one is extended again', async () => {
  const { board, calls, runFor } = testBed(1, ({ taskId }) => (taskId === id(1) ? 'lost' : 'ok'))
  board.hold(0, id(1), 1)
  await runFor(LEASE_MS)
  board.release(0)
  board.hold(0, id(2), 1)
  await runFor(LEASE_MS)
  assert.equal(calls.at(-1)?.leases[0]?.taskId, id(2))
})

test('after trouble the next try comes within a second, and the trouble is told once in five', async () => {
  let away = true
  const { board, clock, calls, troubles, rounds } = testBed(1, () => {
    if (away) throw new Error('away')
    return 'ok'
  })
  board.hold(0, id(1), 1)
  await clock.advance(await rounds.run())
  for (let n = 0; n < 6; n++) {
    const waitMs = await rounds.run()
    assert.ok(waitMs <= 1000)
    await clock.advance(waitMs)
  }
  assert.equal(troubles.length, 1)
  away = false
  await rounds.run()
  assert.equal(calls.length, 7)
})

test('a lease that could not be extended for a minute is not given up, and extended within a second after it', async () => {
  const outage = { until: 60_000 }
  const { board, calls, news, clock, runFor } = testBed(1, () => {
    if (calls.at(-1) !== undefined && (calls.at(-1)?.at ?? 0) < outage.until) throw new Error('away')
    return 'ok'
  })
  board.hold(0, id(1), 1)
  const startedAt = clock.now()
  await runFor(61_000)
  assert.deepEqual(news, [])
  const [answered] = calls.filter(({ at }) => at >= outage.until)
  assert.ok(answered !== undefined && answered.at < outage.until + 1000, `${calls.length} calls`)
  assert.ok(board.answeredAt(0) !== null && (board.answeredAt(0) ?? 0) >= startedAt + outage.until)
})

test('a released slot is not read', () => {
  const board = LeaseBoard.create(2)
  board.hold(1, id(1), 3)
  assert.deepEqual(board.read(1), { slot: 1, generation: 1, taskId: id(1), token: 3 })
  board.release(1)
  assert.equal(board.read(1), null)
})
