import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import { rateLimited } from '../src/report-error.ts'

test('trouble that goes on is told every half minute, other trouble at once', async () => {
  const clock = createSimulatedClock()
  const told: string[] = []
  const report = rateLimited((error, during) => told.push(`${during}: ${(error as Error).message}`), clock)
  for (let second = 0; second < 60; second++) {
    report(new Error('away'), 'claim')
    if (second === 10) report(new Error('refused'), 'claim')
    if (second === 20) report(new Error('away'), 'settle')
    await clock.advance(1000)
  }
  assert.deepEqual(told, ['claim: away', 'claim: refused', 'settle: away', 'claim: away'])
})
