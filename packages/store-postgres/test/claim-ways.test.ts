import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClaimWays } from '../src/operations/claim-ways.ts'

const NOTES = 'claim_tasks_4'
const LANES = 'claim_tasks_3'

test('claims of every queue go by notes as long as that is quick, and after a slow one as soon as it is again', () => {
  const ways = createClaimWays(() => 0)
  assert.equal(ways.next(), NOTES)
  ways.took(NOTES, 5)
  assert.equal(ways.next(), NOTES)
  ways.took(NOTES, 150)
  ways.took(LANES, 400)
  assert.equal(ways.next(), NOTES)
  ways.took(NOTES, 5)
  assert.equal(ways.next(), NOTES)
})

test('claims of every queue look at all lanes while that is quicker, and now and then by notes', () => {
  let now = 0
  const ways = createClaimWays(() => now)
  ways.took(NOTES, 500)
  assert.equal(ways.next(), LANES)
  ways.took(LANES, 200)
  assert.equal(ways.next(), LANES)
  now += 10_000
  ways.took(LANES, 200)
  assert.equal(ways.next(), NOTES)
  ways.took(NOTES, 500)
  assert.equal(ways.next(), LANES)
})
