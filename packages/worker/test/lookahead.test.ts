import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lookahead } from '../src/lookahead.ts'

function afterRun(tasksPerSecond: number, ms = 500): Lookahead {
  const lookahead = new Lookahead(null, 0)
  for (let now = 5; now <= ms; now += 5) lookahead.observe(tasksPerSecond / 200, now)
  return lookahead
}

test('slow tasks are not leased ahead, fast ones for 50 ms, very fast ones up to the bound', () => {
  assert.equal(afterRun(10).size, 0)
  assert.ok(Math.abs(afterRun(10_000).size - 500) <= 25)
  assert.equal(afterRun(1_000_000).size, 2000)
})

test('a stall ends the lookahead at once', () => {
  const lookahead = afterRun(100_000)
  lookahead.observe(1, 2500)
  assert.equal(lookahead.size, 0)
})

test('a number of the owner is kept to', () => {
  const lookahead = new Lookahead(7, 0)
  lookahead.observe(100_000, 100)
  assert.equal(lookahead.size, 7)
})
