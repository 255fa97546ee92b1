import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type JsonText, LIMITS } from '@taskyard/core'
import type { Submission } from '../src/index.ts'
import { claimOf, PAYLOAD, startEngine } from './test-bed.ts'

test('the same key and task answers with the first task', async (t) => {
  const { engine } = await startEngine(t)
  const submission: Submission = { type: 'test', payload: PAYLOAD, idempotencyKey: 'k', tags: ['a'] }
  const first = await engine.submit(submission)
  const again = await engine.submit({ ...submission })
  assert.deepEqual([first.replayed, again.replayed], [false, true])
  assert.equal(again.task.id, first.task.id)
})

const WRONG: readonly (readonly [what: string, submission: Partial<Submission>, path: string])[] = [
  ['a type with a space', { type: 'my type' }, '/type'],
  ['an empty type', { type: '' }, '/type'],
  ['a type that begins with a dot', { type: '.x' }, '/type'],
  ['a queue of 129 letters', { queue: 'q'.repeat(129) }, '/queue'],
  ['a fractional priority', { priority: 1.5 }, '/priority'],
  ['a priority beyond 1000', { priority: 1001 }, '/priority'],
  ['no attempt at all', { maxAttempts: 0 }, '/maxAttempts'],
  ['a negative delay', { delaySeconds: -1 }, '/delaySeconds'],
  ['an infinite delay', { delaySeconds: Number.POSITIVE_INFINITY }, '/delaySeconds'],
  ['a delay of a century', { delaySeconds: 100 * 366 * 86_400 }, '/delaySeconds'],
  ['both delay and time', { delaySeconds: 1, runAt: 1 }, '/runAt'],
  ['a time that is no number', { runAt: Number.NaN }, '/runAt'],
  ['a timeout of nothing', { timeoutSeconds: 0 }, '/timeoutSeconds'],
  ['an empty tag', { tags: [''] }, '/tags/0'],
  ['too many tags', { tags: Array.from({ length: LIMITS.tags + 1 }, (_, i) => `t${i}`) }, '/tags'],
  ['half a character in a tag', { tags: ['a', '\ud800'] }, '/tags/1'],
  ['U+0000 in a tag', { tags: ['a\0b'] }, '/tags/0'],
  ['a tag of 129 characters', { tags: ['😀'.repeat(129)] }, '/tags/0'],
  ['a wait that grows without bound', { backoff: { baseSeconds: 1e300 } }, '/backoff/baseSeconds'],
  ['a time before 1970', { runAt: -1 }, '/runAt'],
  ['a payload whose bytes are over the limit', { payload: `"${'€'.repeat(349_526)}"` as JsonText }, '/payload'],
  ['a key with a space', { idempotencyKey: 'a b' }, '/idempotencyKey'],
  ['an unknown backoff', { backoff: { kind: 'random' as 'fixed' } }, '/backoff/kind'],
  ['a negative backoff', { backoff: { baseSeconds: -1 } }, '/backoff/baseSeconds'],
  ['a payload over the limit', { payload: `"${'x'.repeat(LIMITS.bodyBytes)}"` as JsonText }, '/payload'],
]

for (const [what, wrong, path] of WRONG) {
  test(`${what} is refused with its path`, async (t) => {
    const { engine } = await startEngine(t)
    await assert.rejects(engine.submit({ type: 'test', payload: PAYLOAD, ...wrong }), (error: unknown) => {
      const { code, violations } = error as { code: string; violations: { path: string }[] }
      assert.equal(code, 'invalid_request')
      assert.deepEqual(
        violations.map((violation) => violation.path),
        [path],
      )
      return true
    })
  })
}

const RULES: readonly (readonly [wrong: Partial<Submission>, rule: RegExp])[] = [
  [{ tags: ['\ud800'] }, /half a character/],
  [{ tags: ['\0'] }, /U\+0000/],
  [{ tags: ['x'.repeat(129)] }, /at most 128 characters/],
  [{ tags: Array.from({ length: 21 }, (_, i) => `t${i}`) }, /at most 20 tags/],
  [{ backoff: { baseSeconds: 1e300 } }, /from 0 to 31622400/],
  [{ backoff: { maxSeconds: 1e300 } }, /from 0 to 31622400/],
  [{ timeoutSeconds: 0.0001 }, /from 0\.001 to 604800/],
  [{ runAt: -1 }, /from 1970 on/],
]

for (const [wrong, rule] of RULES) {
  test(`a refusal names the rule that was broken: ${JSON.stringify(wrong).slice(0, 40)}`, async (t) => {
    const { engine } = await startEngine(t)
    await assert.rejects(engine.submit({ type: 'test', payload: PAYLOAD, ...wrong }), {
      code: 'invalid_request',
      message: rule,
    })
  })
}

test("a payload that does not fit its type's schema is refused with the path inside it", async (t) => {
  const { engine } = await startEngine(t, { checkPayload: () => [{ path: '/to/0', message: 'no address' }] })
  const batch = [{ type: 'email', payload: PAYLOAD }]
  await assert.rejects(engine.submitMany(batch), {
    code: 'invalid_payload',
    status: 422,
    violations: [{ path: '/tasks/0/payload/to/0', message: 'no address' }],
  })
})

test('a batch with one bad task stores nothing', async (t) => {
  const { engine } = await startEngine(t)
  await assert.rejects(
    engine.submitMany([
      { type: 'test', payload: PAYLOAD },
      { type: '!', payload: PAYLOAD },
    ]),
  )
  assert.deepEqual(await engine.queues(), [])
})

test('a batch over the limit is refused as too large', async (t) => {
  const { engine } = await startEngine(t)
  const batch = Array.from({ length: 1001 }, () => ({ type: 'test', payload: PAYLOAD }))
  await assert.rejects(engine.submitMany(batch), { code: 'batch_too_large', status: 413 })
})

test('a batch whose payloads together are over the limit is refused', async (t) => {
  const { engine } = await startEngine(t)
  const payload = `"${'x'.repeat(LIMITS.bodyBytes - 2)}"` as JsonText
  const batch = Array.from({ length: 17 }, () => ({ type: 'test', payload }))
  await assert.rejects(engine.submitMany(batch), { code: 'too_large', status: 413 })
  assert.equal((await engine.submitMany(batch.slice(0, 16))).length, 16)
})

test('the limit of a batch is one of bytes', async (t) => {
  const { engine } = await startEngine(t)
  const payload = `"${'€'.repeat(349_524)}"` as JsonText
  const batch = Array.from({ length: 17 }, () => ({ type: 'test', payload }))
  await assert.rejects(engine.submitMany(batch), { code: 'too_large' })
})

test('a full queue refuses with queue_full until workers catch up', async (t) => {
  const { engine } = await startEngine(t, { queueDepth: 1 })
  await engine.submit({ type: 'test', payload: PAYLOAD })
  await assert.rejects(engine.submit({ type: 'test', payload: PAYLOAD }), { code: 'queue_full', status: 429 })
  await engine.claim(claimOf('worker-1'))
  await engine.submit({ type: 'test', payload: PAYLOAD })
})

test('a batch that a queue could never hold is refused as too large, one that waits for room as queue_full', async (t) => {
  const { engine } = await startEngine(t, { queueDepth: 2 })
  const batch = (count: number) => Array.from({ length: count }, () => ({ type: 'test', payload: PAYLOAD }))
  await assert.rejects(engine.submitMany(batch(3)), {
    code: 'batch_too_large',
    retryable: false,
    message: /^Queue default may hold 2 waiting tasks, this batch has 3 for it/,
  })
  await engine.submit({ type: 'test', payload: PAYLOAD })
  await assert.rejects(engine.submitMany(batch(2)), { code: 'queue_full', retryable: true })
  await engine.submitMany([...batch(1), { type: 'test', payload: PAYLOAD, queue: 'other' }])
})

test('a stopping engine takes no new work', async (t) => {
  const { engine } = await startEngine(t)
  await engine.stop()
  await assert.rejects(engine.submit({ type: 'test', payload: PAYLOAD }), { code: 'shutting_down' })
})
