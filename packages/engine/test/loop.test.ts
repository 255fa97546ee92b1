import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import { monotonicClock } from '@taskyard/core'
import { createIncidents } from '../src/incidents.ts'
import { createLoop, type LoopTiming, type Round } from '../src/loop.ts'

const TIMING: LoopTiming = { intervalMs: 1000, retryMs: [100, 400], essential: false }

/** A loop in simulated time; `roundsAt` are the seconds since the begin at which rounds began. */
function startLoop(run: () => Promise<Round>, timing: Partial<LoopTiming> = {}) {
  const simulated = createSimulatedClock()
  const clock = monotonicClock(simulated)
  const roundsAt: number[] = []
  const told: string[] = []
  const observer = {
    backgroundError: (service: string, error: unknown) => told.push(`${service}: ${(error as Error).message}`),
    backgroundRecovered: (service: string) => told.push(`${service} works`),
  }
  const loop = createLoop({
    ...TIMING,
    ...timing,
    name: 'chore',
    clock,
    timeOfDay: () => simulated.now(),
    incidents: createIncidents(observer),
    run() {
      roundsAt.push(clock.now() / 1000)
      return run()
    },
  })
  loop.start()
  return { loop, clock, simulated, roundsAt, told, advance: simulated.advance }
}

const done = async (): Promise<Round> => ({})

test('a round is done at the start, then at the interval, or when the round before wanted it', async () => {
  const wanted = [{}, { nextMs: 200 }, { nextMs: 2500 }]
  const { roundsAt, advance } = startLoop(async () => wanted.shift() ?? {})
  await advance(4000)
  assert.deepEqual(roundsAt, [0, 1, 1.2, 3.7])
})

test('a loop without an interval does a round when something is due, and else none', async () => {
  const { loop, roundsAt, advance } = startLoop(done, { intervalMs: null })
  await advance(5000)
  loop.wakeAt(7000)
  await advance(60_000)
  assert.deepEqual(roundsAt, [0, 7])
})

test('what is due earlier than the next round brings it forward, what is due later does not', async () => {
  const { loop, roundsAt, advance } = startLoop(done)
  await advance(100)
  loop.wakeAt(700)
  loop.wakeAt(300)
  loop.wakeAt(900)
  await advance(400)
  assert.deepEqual(roundsAt, [0, 0.3])
})

test('one round is done at a time: what falls due in it is seen to right after it', async () => {
  const gate = Promise.withResolvers<Round>()
  const { loop, roundsAt, advance } = startLoop(() => gate.promise)
  await advance(100)
  loop.wakeAt(200)
  await advance(5000)
  assert.deepEqual(roundsAt, [0])
  gate.resolve({})
  await advance(0)
  assert.deepEqual(roundsAt, [0, 5.1])
})

test('after failures in a row the pauses grow up to the longest; the first good round ends that', async () => {
  let fails = true
  const { roundsAt, advance, simulated } = startLoop(async () => {
    if (fails) throw new Error('away')
    return {}
  })
  await advance(1200)
  assert.deepEqual(roundsAt, [0, 0.1, 0.3, 0.7, 1.1])
  fails = false
  await simulated.advance(400)
  fails = true
  await simulated.advance(1200)
  assert.deepEqual(roundsAt.slice(5), [1.5, 2.5, 2.6, 2.8])
})

test('each failure is told, and its end once', async () => {
  let fails = true
  const { told, advance } = startLoop(async () => {
    if (fails) throw new Error('away')
    return {}
  })
  await advance(100)
  fails = false
  await advance(5000)
  assert.deepEqual(told, ['chore: away', 'chore: away', 'chore works'])
})

test('a round that did not even try what failed before ends the failure, and tells nobody that it works', async () => {
  let round: () => Promise<Round> = () => Promise.reject(new Error('away'))
  const { loop, told, advance } = startLoop(() => round())
  await advance(0)
  round = async () => ({ isProof: false })
  await advance(100)
  assert.deepEqual([loop.report().healthy, loop.report().lastRunAt], [true, null])
  assert.deepEqual(told, ['chore: away'])
})

test('work done outside the rounds counts: its failure in a round that is good otherwise, too', async () => {
  let isBroken = true
  const { loop, told, advance } = startLoop(async () => {
    if (isBroken) loop.failed(new Error('refused'))
    return { isProof: false }
  })
  await advance(0)
  assert.equal(loop.report().healthy, false)
  isBroken = false
  loop.worked()
  assert.equal(loop.report().healthy, true)
  assert.deepEqual(told, ['chore: refused', 'chore works'])
})

test('the report tells since when and why it fails, when it last worked, and what its rounds cost', async () => {
  const { loop, clock, simulated, advance } = startLoop(async () => {
    await new Promise<void>((resolve) => clock.after(50, resolve))
    if (loop.report().rounds > 1) throw new Error('full')
    return {}
  })
  const startedAt = simulated.now()
  await advance(1150)
  assert.deepEqual(loop.report(), {
    name: 'chore',
    intervalMs: 1000,
    essential: false,
    healthy: false,
    lastRunAt: startedAt + 50,
    failingSince: startedAt + 1100,
    reason: 'full',
    rounds: 2,
    failures: 1,
    busyMs: 100,
  })
})

test('stopping resolves when the round under way has ended, and no other begins', async () => {
  const gate = Promise.withResolvers<Round>()
  const { loop, roundsAt, advance } = startLoop(() => gate.promise)
  await advance(100)
  let isStopped = false
  const stopped = loop.stop().then(() => {
    isStopped = true
  })
  await advance(5000)
  assert.equal(isStopped, false)
  gate.resolve({})
  await stopped
  loop.wakeAt(0)
  loop.start()
  await advance(5000)
  assert.deepEqual(roundsAt, [0])
})

test('setting the time of day moves no round', async () => {
  const { roundsAt, simulated, advance } = startLoop(done)
  await advance(100)
  simulated.set(-3_600_000)
  await advance(2000)
  assert.deepEqual(roundsAt, [0, 1, 2])
})
