import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClaimRun, type ClaimWay, createClaimWays } from '../src/operations/claim-ways.ts'

const NOTES = 'claim_tasks_4'
const LANES = 'claim_tasks_3'

test('one slow claim, or one moment that holds up many, changes no way', () => {
  const { begin, pass } = simulated()
  const many = Array.from({ length: 50 }, begin)
  pass(500)
  for (const run of many) run.answered()
  assert.deepEqual(
    Array.from({ length: 50 }, () => begin().way),
    Array(50).fill(NOTES),
  )
})

test('while claims by notes are slow one at a time tries a look at all lanes, and all look so once it is far quicker', () => {
  const { begin, claim } = simulated()
  for (let n = 0; n < 3; n++) claim(500)
  for (let n = 0; n < 3; n++) {
    const tries = begin()
    assert.equal(tries.way, LANES)
    assert.deepEqual(
      Array.from({ length: 50 }, () => begin().way),
      Array(50).fill(NOTES),
    )
    tries.answered()
  }
  assert.deepEqual(
    Array.from({ length: 50 }, () => begin().way),
    Array(50).fill(LANES),
  )
})

test('claims go by notes where a look at all lanes takes about as long, and look so again after ten seconds', () => {
  const { claim, pass } = simulated()
  for (let n = 0; n < 3; n++) assert.equal(claim(110), NOTES)
  for (let n = 0; n < 4; n++) {
    assert.equal(claim(80), LANES)
    for (let m = 0; m < 9; m++) assert.equal(claim(110), NOTES)
    pass(10_000)
  }
})

test('claims look at all lanes while that is far quicker, and go by notes soon after these are quick', () => {
  const { claim, pass } = simulated()
  for (let n = 0; n < 3; n++) claim(500)
  for (let n = 0; n < 9; n++) assert.equal(claim(200), LANES)
  pass(10_000)
  assert.equal(claim(500), NOTES)
  assert.equal(claim(200), LANES)
  pass(10_000)
  for (let n = 0; n < 9; n++) assert.equal(claim(5), NOTES)
})

test('claims by notes that fail after a long time are slow ones', () => {
  const { claim } = simulated()
  for (let n = 0; n < 3; n++) assert.equal(claim(12_000, 'failed'), NOTES)
  assert.equal(claim(70), LANES)
})

test('claims that fail at once are not quick ones', () => {
  const { claim, pass } = simulated()
  for (let n = 0; n < 3; n++) claim(500)
  for (let n = 0; n < 3; n++) {
    assert.equal(claim(1, 'failed'), LANES)
    assert.equal(claim(500), NOTES)
    pass(10_000)
  }
  assert.equal(claim(70), LANES)
  assert.equal(claim(70), LANES)
  assert.equal(claim(1, 'failed'), LANES)
  assert.equal(claim(500), NOTES)
})

test('what goes before a claim in its transaction counts for none of the ways', () => {
  const { begin, pass } = simulated(false)
  for (let n = 0; n < 9; n++) {
    const run = begin()
    assert.equal(run.way, NOTES)
    pass(500)
    run.start()
    pass(5)
    run.answered()
    const failed = begin()
    pass(500)
    failed.end()
  }
})

/** @param starts claims begin with nothing before them */
function simulated(starts = true) {
  let now = 0
  const ways = createClaimWays(() => now)
  const pass = (ms: number) => {
    now += ms
  }
  const begin = (): ClaimRun => {
    const run = ways.begin()
    if (starts) run.start()
    return run
  }
  const claim = (ms: number, outcome: 'answered' | 'failed' = 'answered'): ClaimWay => {
    const run = begin()
    pass(ms)
    if (outcome === 'answered') run.answered()
    run.end()
    return run.way
  }
  return { begin, claim, pass }
}
