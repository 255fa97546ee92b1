import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LeasedTask } from '@taskyard/core'
import { CLAIM, newTask, SWEEP, submissions } from './calls.ts'
import { ownSchema } from './own-schema.ts'

test('a claim is remembered for as long as a lease that it gave holds', async (t) => {
  const schema = await ownSchema()
  t.after(() => schema.destroy())
  let now = Date.now()
  // A store of its own for each sweep: it looks now and then only.
  const open = async () => (await schema.open({ storeTime: () => now })).store
  const store = await open()
  const claim = { ...CLAIM, leaseMs: 30_000 }
  await store.enqueue(submissions(newTask(), newTask(), newTask()))
  const [held] = await store.claim({ ...claim, limit: 1, requestId: 'held' })
  const [settled] = await store.claim({ ...claim, limit: 1, requestId: 'settled' })
  await store.claim({ ...claim, limit: 1, requestId: null })
  assert.equal((await store.claim({ ...claim, requestId: 'nothing' })).length, 0)
  const remembered = async () => {
    const { rows } = await schema.query(`SELECT request_id FROM "${schema.schema}".claim_requests ORDER BY 1`)
    return rows.map(({ request_id }) => request_id)
  }
  assert.deepEqual(await remembered(), ['held', 'settled'])

  await store.settle({ settlements: [{ ...refOf(settled), outcome: 'succeeded', result: null }], claim: null })
  now += 20_000
  await store.extend({ leases: [refOf(held)], leaseMs: 30_000 })
  now += 20_000
  await (await open()).sweep(SWEEP)
  assert.deepEqual(await remembered(), ['held'])
  const again = await store.claim({ ...claim, requestId: 'held' })
  assert.deepEqual(again.map(refOf), [refOf(held)])

  now += 60_000
  await (await open()).sweep(SWEEP)
  assert.deepEqual(await remembered(), [])
})

function refOf(task: LeasedTask | undefined) {
  assert.ok(task)
  return { taskId: task.id, token: task.lease.token }
}
