import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import { TaskyardError } from '@taskyard/core'
import { createIncidentLog } from '../src/server/incident-log.ts'

const AWAY = new TaskyardError('store_unavailable', { reason: 'away' })

function testBed() {
  const clock = createSimulatedClock()
  const lines: string[] = []
  const log = createIncidentLog(
    {
      began: (what) => lines.push(`${what} began`),
      ended: (what, seconds) => lines.push(`${what} ended after ${seconds} s`),
    },
    clock,
  )
  return { clock, lines, log }
}

test('how long an incident took is told when the clock is set meanwhile', async () => {
  const { clock, lines, log } = testBed()
  log.failed('sweeper', AWAY)
  clock.set(-3_600_000)
  await clock.advance(2000)
  log.recovered('sweeper')
  assert.deepEqual(lines, ['store began', 'store ended after 2 s'])
})

test('an outage of the store is a line at its begin and a line at its end, however many services meet it', async () => {
  const { clock, lines, log } = testBed()
  for (let second = 0; second < 30; second++) {
    log.failed('sweeper', AWAY)
    log.failed('dispatcher', AWAY)
    log.workerFailed('claim', AWAY)
    await clock.advance(1000)
  }
  log.recovered('sweeper')
  log.recovered('dispatcher')
  assert.deepEqual(lines, ['store began', 'store ended after 30 s'])
})

test('an incident that goes on is told again every minute', async () => {
  const { clock, lines, log } = testBed()
  for (let second = 0; second <= 120; second++) {
    log.failed('sweeper', AWAY)
    await clock.advance(1000)
  }
  assert.equal(lines.length, 3)
})

test('other incidents are told for each service', async () => {
  const { clock, lines, log } = testBed()
  log.failed('sweeper', new Error('a bug'))
  log.failed('throughput', new Error('a bug'))
  log.failed('sweeper', new Error('a bug'))
  await clock.advance(2000)
  log.recovered('sweeper')
  assert.deepEqual(lines, ['sweeper began', 'throughput began', 'sweeper ended after 2 s'])
})

test('a service that did not meet the outage does not end it', () => {
  const { lines, log } = testBed()
  log.failed('sweeper', AWAY)
  log.recovered('throughput')
  assert.deepEqual(lines, ['store began'])
})

test('a worker whose trouble is not the store is heard once a minute', async () => {
  const { clock, lines, log } = testBed()
  for (let second = 0; second <= 60; second++) {
    log.workerFailed('settle', new Error('refused'))
    await clock.advance(1000)
  }
  assert.deepEqual(lines, ['worker: settle began', 'worker: settle began'])
})
