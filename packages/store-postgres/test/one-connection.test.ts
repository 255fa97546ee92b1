import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Calls, EVERY_CALL } from '@taskyard/conformance'
import type { JsonText, NewTask, OpenedStore, Settlement } from '@taskyard/core'
import { CLAIM, newTask } from './calls.ts'
import { type OwnSchema, ownSchema, withParameter } from './own-schema.ts'

// Whoever asks for a connection while holding one waits here for itself, and fails after some seconds; with more connections
// it takes as many such calls at once.
describe('a store with one connection', () => {
  let schema: OwnSchema
  let store: OpenedStore
  const open = async () => await schema.open({ url: withParameter(schema.url, 'connections', '1') })

  before(async () => {
    schema = await ownSchema()
    store = await open()
  })
  after(() => schema.destroy())

  for (const [name, call] of Object.entries(EVERY_CALL)) {
    it(`gets through ${name}`, async () => {
      await call(store, { newTask } as unknown as Calls)
    })
  }

  for (const [what, shared] of Object.entries({
    'plain submissions': {},
    'submissions with keys': { keyed: true },
    'submissions to a queue near its depth': { queueDepth: 100 },
  } as Record<string, { keyed?: boolean; queueDepth?: number }>)) {
    it(`gets through ${what}, each in a queue of its own, as its first calls`, async () => {
      const fresh = await open()
      const calls = Array.from({ length: 8 }, (_, n) => {
        const task = taskIn(`${what} ${n}`, shared)
        return fresh.tasks.enqueue({ submissions: [{ tasks: [task] }], queueDepth: shared.queueDepth ?? 1_000_000 })
      })
      const outcomes = (await Promise.all(calls)).flat()
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        calls.map(() => 'accepted'),
      )
    })
  }

  it('gets through calls of more bytes than one statement may have', async () => {
    const text = `"${'x'.repeat(3 * 1024 * 1024)}"` as JsonText
    const tasks = Array.from({ length: 8 }, () => newTask({ queue: 'large', payload: text }))
    await store.tasks.enqueue({ submissions: tasks.map((task) => ({ tasks: [task] })), queueDepth: 1_000_000 })
    const settled: string[] = []
    while (settled.length < tasks.length) {
      const claimed = await store.tasks.claim({ ...CLAIM, queues: ['large'], limit: 1000 })
      const settlements = claimed.map(({ id, lease }) => ({
        taskId: id,
        token: lease.token,
        ...SUCCEEDED,
        result: text,
      }))
      const { results } = await store.tasks.settle({ namespace: 'default', settlements, claim: null })
      assert.ok(results.every(({ status }) => status === 'ok'))
      settled.push(...claimed.map(({ id }) => id))
    }
    assert.deepEqual(
      settled,
      tasks.map(({ id }) => id),
    )
  })

  it('gets through claims, small and large, and settlements of every kind beside a claim', async () => {
    const queue = 'settled'
    for (const limit of [4, 1000]) {
      const tasks = Array.from({ length: 8 }, () => newTask({ queue }))
      await store.tasks.enqueue({ submissions: [{ tasks }], queueDepth: 1_000_000 })
      const claim = { ...CLAIM, queues: [queue] }
      const claimed = await store.tasks.claim({ ...claim, limit: 4 })
      const settlements = claimed.map(({ id, lease }, n) => ({ taskId: id, token: lease.token, ...OUTCOMES[n] }))
      const report = await store.tasks.settle({
        namespace: 'default',
        settlements: settlements as Settlement[],
        claim: { ...claim, limit },
      })
      assert.deepEqual(
        report.results.map(({ status }) => status),
        ['ok', 'ok', 'ok', 'ok'],
      )
      assert.ok(report.tasks.length >= 4)
    }
  })
})

const SUCCEEDED = { outcome: 'succeeded', result: null } as const

const OUTCOMES = [
  SUCCEEDED,
  {
    outcome: 'failed',
    error: { code: 'broken', message: 'It broke' },
    retryable: true,
    retryDelayMs: 60_000,
    jitter: 0,
  },
  { outcome: 'released' },
  { outcome: 'cancelled' },
] as const

function taskIn(queue: string, { keyed }: { keyed?: boolean }): NewTask {
  return newTask({ queue, idempotency: keyed === true ? { key: queue, fingerprint: 'a' } : null })
}
