import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import type { Claimers } from '@taskyard/core'
import { createBeatNotes } from '../src/beat-notes.ts'

const claimer = (workerId: string, seenAgoMs: number, concurrency: number | null = null) => {
  return { workerId, seenAgoMs, concurrency, connected: false, watched: false, embedded: false }
}
const claimers = (type: string, ...workers: Claimers['workers']): Claimers => {
  return { namespace: 'default', queues: null, types: [type], isPart: false, workers }
}

test('another order and other times are nothing to say before 10 s, another worker is', async () => {
  const clock = createSimulatedClock()
  let current = [claimers('x', claimer('a', 1), claimer('b', 2)), claimers('y', claimer('c', 3))]
  const notes = createBeatNotes(clock, () => current)
  const says = () => {
    const { params, kept } = notes.next()
    kept()
    return params.claimers !== undefined
  }
  assert.equal(says(), true)
  current = [claimers('y', claimer('c', 4)), claimers('x', claimer('b', 0), claimer('a', 9))]
  assert.equal(says(), false)
  current = [claimers('y', claimer('c', 4)), claimers('x', claimer('b', 0), claimer('d', 9))]
  assert.equal(says(), true)
  current = [claimers('y', claimer('c', 4)), claimers('x', claimer('b', 0, 5), claimer('d', 9))]
  assert.equal(says(), true)
  await clock.advance(9999)
  assert.equal(says(), false)
  await clock.advance(1)
  assert.equal(says(), true)
})

test('what the store did not keep is said again', () => {
  const notes = createBeatNotes(createSimulatedClock(), () => [claimers('x', claimer('a', 1))])
  for (let n = 0; n < 2; n++) assert.notEqual(notes.next().params.claimers, undefined)
})
