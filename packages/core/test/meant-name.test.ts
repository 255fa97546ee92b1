import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { closestName, meantInstead, meantName } from '../src/index.ts'

const SUBMISSION = ['type', 'payload', 'queue', 'delaySeconds', 'maxAttempts', 'idempotencyKey']

test('words of other queues and misspelt names lead to the name that is known in their place', () => {
  const meant = (word: string, known = SUBMISSION) => meantName(word, known)?.name ?? null
  assert.equal(meant('data'), 'payload')
  assert.equal(meant('max_retries'), 'maxAttempts')
  assert.equal(meant('jobId'), 'idempotencyKey')
  assert.equal(meant('jobId', ['taskId', 'token']), 'taskId')
  assert.equal(meant('paylaod'), 'payload')
  assert.equal(meant('key'), 'idempotencyKey')
  assert.equal(meant('wait'), 'delaySeconds')
  assert.equal(meant('wait', [...SUBMISSION, 'waitSeconds']), 'waitSeconds')
  assert.equal(meant('frobnicate'), null)
})

test('what is different about a name is said with it', () => {
  assert.equal(meantInstead('delay', SUBMISSION), 'did you mean delaySeconds (in seconds)?')
  assert.equal(meantInstead('opts', SUBMISSION), 'its fields stand by themselves, beside payload')
  assert.equal(meantInstead('frobnicate', SUBMISSION), null)
})

test('names of any length and number are not compared', () => {
  let compared = 0
  const names = Array.from({ length: 100_000 }, () => ({
    get length() {
      compared += 1
      return 100
    },
  })) as unknown as readonly string[]
  assert.equal(closestName('x'.repeat(1_000_000), ['payload']), null)
  assert.equal(closestName('payload', names), null)
  assert.ok(compared <= 500, `${compared} of 100,000 names were looked at`)
})

test('the nearest name is found, the first of several, and none that is farther than a quarter of the word', () => {
  const words = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 14 }).map((letters) => letters.join(''))
  fc.assert(
    fc.property(words, fc.array(words, { maxLength: 6 }), (wanted, names) => {
      const distances = names.map((name) => distanceOf(wanted, name))
      const least = Math.min(...distances)
      const expected = least <= Math.max(2, Math.floor(wanted.length / 4)) ? names[distances.indexOf(least)] : null
      assert.equal(closestName(wanted, names), expected)
    }),
  )
})

/** By its definition. */
function distanceOf(from: string, to: string, known = new Map<string, number>()): number {
  if (from === '' || to === '') return from.length + to.length
  const key = `${from} ${to}`
  const distance =
    known.get(key) ??
    Math.min(
      distanceOf(from.slice(1), to.slice(1), known) + (from[0] === to[0] ? 0 : 1),
      distanceOf(from.slice(1), to, known) + 1,
      distanceOf(from, to.slice(1), known) + 1,
    )
  known.set(key, distance)
  return distance
}
