import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createServerClock } from '../src/server-clock.ts'

/** A server whose clock is `offset` ahead of this machine's, behind a connection with these delays. */
function createTestBed({ offset = 1_000_000, there = 5, back = 5 } = {}) {
  const world = { elapsed: 0, suspended: 0, set: 0, offset, there, back, samples: 0, onTheWay: () => {} }
  const serverTime = () => world.elapsed + world.suspended + world.offset
  const clock = createServerClock(
    async () => {
      world.samples += 1
      world.elapsed += world.there
      const time = serverTime()
      world.onTheWay()
      world.elapsed += world.back
      return time
    },
    { monotonic: () => world.elapsed, timeOfDay: () => world.elapsed + world.suspended + world.set },
  )
  return { world, clock, serverTime }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

test('tells the time of the server, not of this machine', async () => {
  const { world, clock } = createTestBed()
  await clock.sample()
  assert.equal(clock.now(), world.elapsed + world.offset)
  world.elapsed += 1234
  assert.equal(clock.now(), world.elapsed + world.offset)
})

test('is off by half a round trip at most', async () => {
  for (const [there, back] of [
    [0, 40],
    [40, 0],
    [7, 13],
  ] as const) {
    const { world, clock } = createTestBed({ there, back })
    await clock.sample()
    const error = Math.abs(clock.now() - (world.elapsed + world.offset))
    assert.ok(error <= (there + back) / 2 + 1, `${error} ms`)
  }
})

test('looks again every ten seconds, without holding anybody up', async () => {
  const { world, clock } = createTestBed()
  await clock.sample()
  world.elapsed += 9_000
  clock.now()
  assert.equal(world.samples, 1)
  world.elapsed += 2_000
  clock.now()
  await settled()
  assert.equal(world.samples, 2)
})

test('keeps a sample that was more exact, for some time', async () => {
  const { world, clock } = createTestBed({ there: 1, back: 1 })
  await clock.sample()
  world.there = 400
  world.back = 0
  world.elapsed += 11_000
  clock.now()
  await settled()
  assert.ok(Math.abs(clock.now() - (world.elapsed + world.offset)) <= 1)
})

test('never runs backwards when the clock of the server is set back a little', async () => {
  const { world, clock } = createTestBed()
  await clock.sample()
  const before = clock.now()
  world.offset -= 3_000
  world.elapsed += 11_000
  const last = clock.now()
  await settled()
  assert.ok(clock.now() >= last && last > before)
  world.elapsed += 4_000
  assert.equal(clock.now(), world.elapsed + world.offset)
})

test('follows a clock that is set back far, as all processes must agree', async () => {
  const { world, clock } = createTestBed()
  await clock.sample()
  world.offset -= 3_600_000
  world.elapsed += 11_000
  clock.now()
  await settled()
  assert.equal(clock.now(), world.elapsed + world.offset)
})

test('a call after the machine was suspended has the right time', async () => {
  const { world, clock, serverTime } = createTestBed()
  await clock.sample()
  world.suspended += 60_000
  await clock.sample()
  assert.equal(clock.now(), serverTime())
  await clock.sample()
  assert.equal(world.samples, 2)
})

test('who does not wait for a sample brings one about after a suspension', async () => {
  const { world, clock, serverTime } = createTestBed()
  await clock.sample()
  world.suspended += 60_000
  clock.now()
  await settled()
  assert.equal(clock.now(), serverTime())
})

test('a sample during which the machine was suspended is taken again', async () => {
  const { world, clock, serverTime } = createTestBed()
  world.onTheWay = () => {
    world.onTheWay = () => {}
    world.suspended += 60_000
  }
  await clock.sample()
  assert.equal(clock.now(), serverTime())
  assert.equal(world.samples, 2)
})

test('a time of day that is set is no time of the server', async () => {
  for (const step of [3_600_000, -3_600_000]) {
    const { world, clock, serverTime } = createTestBed()
    await clock.sample()
    world.set += step
    await clock.sample()
    assert.equal(clock.now(), serverTime())
  }
})
