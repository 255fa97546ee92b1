import assert from 'node:assert/strict'
import { leaseRef, only, type Scene, succeeded } from '../scene.ts'
import type { Suite } from '../suite.ts'

/** Texts that name no task, made from one that does. */
const NO_TASK: Readonly<Record<string, (id: string) => string>> = {
  'an upper-case id': (id) => id.toUpperCase(),
  'an id in braces': (id) => `{${id}}`,
  'an id without dashes': (id) => id.replaceAll('-', ''),
  'an id with a space': (id) => `${id} `,
  'an empty id': () => '',
  'a word': () => 'nothing',
  'a NUL': () => '\u0000',
  'an id with a NUL': (id) => `${id.slice(0, -1)}\u0000`,
  'a lone surrogate': () => '\ud800',
  'a long text': () => 'a'.repeat(100_000),
}

const NO_TOKEN = [0, -1, 1.5, 2 ** 31, 2 ** 32 + 1, 2 ** 53, 1e300, Number.NaN]

export function describeRefs({ describe, it }: Suite): void {
  describe('what names no task or no lease', () => {
    for (const [name, from] of Object.entries(NO_TASK)) {
      it(`${name} is no task, in any call, and harms no other`, async (scene) => {
        const task = await scene.start()
        const waiting = await scene.submit({ queue: 'waiting' })
        const bad = { ...leaseRef(task), taskId: from(task.id) }
        await assertNoLease(scene, bad, task)
        const taskIds = [from(waiting), waiting]
        const [none, found] = await scene.store.find({ taskIds })
        assert.deepEqual([none, found?.id], [null, waiting])
        assert.equal(await scene.store.history({ taskId: from(waiting), after: 0, limit: 10 }), null)
        const kinds = (outcomes: readonly { readonly kind: string }[]) => outcomes.map(({ kind }) => kind)
        assert.deepEqual(kinds(await scene.store.cancel({ taskIds })), ['not-found', 'cancelled'])
        assert.deepEqual(kinds(await scene.store.retry({ taskIds })), ['not-found', 'retried'])
        assert.equal((await scene.find(task.id)).status, 'running')
      })
    }

    for (const token of NO_TOKEN) {
      it(`${token} is no token, in any call, and harms no other`, async (scene) => {
        const task = await scene.start()
        await assertNoLease(scene, { taskId: task.id, token }, task)
      })
    }

    it('an id in upper case loses no task, however it is settled', async (scene) => {
      for (const outcome of ['succeeded', 'failed', 'cancelled', 'released'] as const) {
        const task = await scene.start()
        const taskId = task.id.toUpperCase()
        const rest = { result: null, error: ERROR, retryable: true, retryDelayMs: null, jitter: 0 }
        const bad = { ...leaseRef(task), taskId, outcome, ...rest }
        const { results } = await scene.store.settle({ settlements: [bad], claim: null })
        assert.equal(only(results).status, 'lost')
        assert.equal((await scene.settle(task, succeeded())).status, 'ok')
        assert.equal((await scene.find(task.id)).status, 'succeeded')
        assert.equal((await scene.counts(task.queue)).counts.running, 0)
      }
    })
  })
}

const ERROR = { code: 'broken', message: 'It broke' }

type Held = Awaited<ReturnType<Scene['start']>>

/** A lease that is none is lost beside a good one, which then goes on as it was. */
async function assertNoLease(scene: Scene, bad: { taskId: string; token: number }, task: Held): Promise<void> {
  const leases = [bad, leaseRef(task)]
  assert.deepEqual(await scene.store.extend({ leases, leaseMs: 30_000 }), ['lost', 'ok'])
  const entries = leases.map((lease) => ({ ...lease, progress: null, log: 'line' }))
  assert.deepEqual(await scene.store.record({ entries }), ['lost', 'ok'])
  const other = await scene.start()
  for (const outcome of ['succeeded', 'released'] as const) {
    const settlements = [{ ...bad, outcome, result: null }]
    assert.equal(only((await scene.store.settle({ settlements, claim: null })).results).status, 'lost')
  }
  const settlements = [bad, leaseRef(other)].map((lease) => ({ ...lease, outcome: 'cancelled' as const }))
  const { results } = await scene.store.settle({ settlements, claim: null })
  assert.deepEqual(
    results.map(({ status }) => status),
    ['lost', 'ok'],
  )
}
