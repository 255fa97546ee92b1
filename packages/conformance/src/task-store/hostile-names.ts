import assert from 'node:assert/strict'
import { type LeaseRef, type ListParams, TaskyardError } from '@taskyard/core'
import { FRAGMENTS, NOT_TOKENS, notIds } from '../hostile/texts.ts'
import type { Suite } from '../suite.ts'
import { cancelled, EVERYTHING, failed, idsOf, leaseRef, type Outcome, released, succeeded } from '../test-bed.ts'

const OUTCOMES: readonly Outcome[] = [succeeded(), failed(), failed({ retryable: false }), cancelled, released]

/** What names nothing is answered so, in every call, and what is beside it in the call is served as if it were alone. */
export function describeHostileNames({ describe, it }: Suite): void {
  describe('names of nothing', () => {
    it('what is no id finds, cancels, retries and deletes no task', async (bed) => {
      const id = await bed.submit()
      const taskIds = [...notIds(id), id]
      const nothing = <Answer>(answer: Answer) => taskIds.slice(1).map(() => answer)
      const found = await bed.store.reads.find({ namespace: 'default', taskIds })
      assert.deepEqual(
        found.map((task) => task?.id ?? null),
        [...nothing(null), id],
      )
      const retried = await bed.store.tasks.retry({ namespace: 'default', taskIds })
      assert.deepEqual(retried, [...nothing({ kind: 'not-found' }), { kind: 'not-retryable', status: 'queued' }])
      const deleted = await bed.store.tasks.delete({ namespace: 'default', taskIds })
      assert.deepEqual(deleted, [...nothing({ kind: 'not-found' }), { kind: 'kept', status: 'queued' }])
      const outcomes = await bed.store.tasks.cancel({ namespace: 'default', taskIds })
      assert.deepEqual(outcomes, [...nothing({ kind: 'not-found' }), { kind: 'cancelled' }])
      for (const taskId of taskIds.slice(0, -1)) {
        assert.equal(
          await bed.store.reads.history({ namespace: 'default', taskId, after: 0, limit: 10 }),
          null,
          shown(taskId),
        )
        assert.deepEqual(await bed.store.reads.find({ namespace: 'default', taskIds: [taskId] }), [null], shown(taskId))
        assert.deepEqual(
          await bed.store.tasks.cancel({ namespace: 'default', taskIds: [taskId] }),
          [{ kind: 'not-found' }],
          shown(taskId),
        )
        assert.deepEqual(
          await bed.store.tasks.retry({ namespace: 'default', taskIds: [taskId] }),
          [{ kind: 'not-found' }],
          shown(taskId),
        )
        assert.deepEqual(
          await bed.store.tasks.delete({ namespace: 'default', taskIds: [taskId] }),
          [{ kind: 'not-found' }],
          shown(taskId),
        )
      }
      assert.equal((await bed.events(id)).length, 2)
    })

    it('what is no id is a lost lease, beside one that is held', async (bed) => {
      await assertLost(bed, ({ taskId, token }) => notIds(taskId).map((text) => ({ taskId: text, token })))
    })

    it('what is no token is a lost lease, beside one that is held', async (bed) => {
      await assertLost(bed, ({ taskId }) => NOT_TOKENS.map((token) => ({ taskId, token })))
    })

    it('a filter by what no task has finds none', async (bed) => {
      await bed.submit({ tags: ['x'] })
      for (const text of ['', ...FRAGMENTS]) {
        for (const field of ['queue', 'type', 'tag', 'namespace'] as const) {
          const page = await definite(bed.store.reads.list({ ...EVERYTHING, limit: 10, cursor: null, [field]: text }))
          assert.deepEqual(page?.items ?? [], [], `${field} ${shown(text)}`)
        }
        const counts = await definite(bed.store.reads.counts({ namespace: 'default', queue: text }))
        assert.deepEqual(counts ?? [], [], shown(text))
      }
      assert.equal((await bed.listAll()).length, 1)
    })

    it('what is no cursor is refused', async (bed) => {
      await bed.enqueue([Array.from({ length: 5 }, () => bed.newTask())])
      const page = (cursor: string) => bed.store.reads.list({ ...EVERYTHING, limit: 2, cursor } satisfies ListParams)
      const cursor = (await bed.store.reads.list({ ...EVERYTHING, limit: 2, cursor: null })).nextCursor ?? ''
      for (const text of ['', '\0', '\ud800', 'x'.repeat(100_000)]) {
        await assert.rejects(page(text), { code: 'invalid_request' }, shown(text))
      }
      // One that was tampered with may happen to be a good one: it leads to a page or is refused.
      for (const text of FRAGMENTS) await definite(page(text))
      for (let at = 0; at < cursor.length; at++) {
        for (const piece of ['', 'A', '0', '-', '\0', '😀']) {
          await definite(page(cursor.slice(0, at) + piece + cursor.slice(at + 1)))
        }
      }
      assert.equal((await page(cursor)).items.length, 2)
    })
  })
}

type TestBed = Parameters<Parameters<Suite['it']>[1]>[0]

/** What is lost, made from a lease that is held. */
type LostFrom = (held: LeaseRef) => readonly LeaseRef[]

async function assertLost(bed: TestBed, lostFrom: LostFrom): Promise<void> {
  const task = await bed.start()
  const lost = lostFrom(leaseRef(task))
  await assertServedBeside(bed, lost, leaseRef(task))
  for (const lease of lost) await assertLostAlone(bed, lease)
  assert.equal(await bed.extend(task), 'ok')
  await assertSettledBeside(bed, lostFrom)
}

/** Extended and recorded in one call with the lost ones, before and behind them. */
async function assertServedBeside(bed: TestBed, lost: readonly LeaseRef[], held: LeaseRef): Promise<void> {
  const leases = [held, ...lost, held]
  const statuses = ['ok', ...lost.map(() => 'lost'), 'ok']
  assert.deepEqual(await bed.store.tasks.extend({ namespace: 'default', leases, leaseMs: 30_000 }), statuses)
  const entries = leases.map((lease, i) => ({ ...lease, progress: null, log: `line ${i}` }))
  assert.deepEqual(await bed.store.tasks.record({ namespace: 'default', entries }), statuses)
  const lines = (await bed.events(held.taskId)).filter(({ kind }) => kind === 'log').map(({ data }) => data)
  assert.deepEqual(
    lines,
    [0, leases.length - 1].map((i) => `{"line":"line ${i}"}`),
  )
}

async function assertLostAlone({ store }: TestBed, lease: LeaseRef): Promise<void> {
  const name = `${shown(lease.taskId)} ${lease.token}`
  const entries = [{ ...lease, progress: null, log: 'x' }]
  assert.deepEqual(await store.tasks.extend({ namespace: 'default', leases: [lease], leaseMs: 30_000 }), ['lost'], name)
  assert.deepEqual(await store.tasks.record({ namespace: 'default', entries }), ['lost'], name)
  for (const outcome of OUTCOMES) {
    const { results } = await store.tasks.settle({
      namespace: 'default',
      settlements: [{ ...lease, ...outcome }],
      claim: null,
    })
    assert.deepEqual(results, [{ status: 'lost' }], name)
  }
}

/** For every outcome: one call that settles a lease beside all that are lost. */
async function assertSettledBeside(bed: TestBed, lostFrom: LostFrom): Promise<void> {
  for (const outcome of OUTCOMES) {
    const task = await bed.start()
    const leases = [...lostFrom(leaseRef(task)), leaseRef(task)]
    const settlements = leases.map((lease) => ({ ...lease, ...outcome }))
    const { results } = await bed.store.tasks.settle({ namespace: 'default', settlements, claim: null })
    assert.deepEqual(idsOf(await bed.listAll({ queue: task.queue })), [task.id])
    assert.deepEqual(
      results.slice(0, -1).filter(({ status }) => status !== 'lost'),
      [],
    )
    assert.equal(results.at(-1)?.status, 'ok', JSON.stringify(outcome))
    assert.notEqual((await bed.find(task.id)).status, 'running')
    const { counts } = await bed.counts(task.queue)
    assert.equal(counts.running, 0)
    assert.equal(
      Object.values(counts).reduce((sum, count) => sum + count, 0),
      1,
    )
  }
}

/** An answer, or `null` for a refusal that changed nothing. */
async function definite<Answer>(answer: Promise<Answer>): Promise<Answer | null> {
  try {
    return await answer
  } catch (error) {
    assert.ok(error instanceof TaskyardError && error.definite, `no definite refusal: ${error}`)
    return null
  }
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 60))
}
