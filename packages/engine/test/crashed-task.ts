import assert from 'node:assert/strict'
import { claimOf, PAYLOAD, type TestBed } from './test-bed.ts'

/** A task that took two workers down. */
export async function crashed({ engine, clock }: TestBed): Promise<string> {
  const { id } = (await engine.submit({ type: 'test', payload: PAYLOAD })).task
  for (const workerId of ['dies', 'dies-too']) {
    const session = engine.openSession({ workerId, onCancel: () => {} })
    await engine.claim(claimOf(workerId, 1, true))
    session.lost()
    await clock.advance(6000)
  }
  assert.equal((await engine.get(id)).crashes, 2)
  return id
}
