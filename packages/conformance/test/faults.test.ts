import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  createReferenceStore,
  createSimulatedClock,
  type Fault,
  faultOnce,
  retrying,
  seededFaults,
  withFaults,
} from '@taskyard/conformance'
import { type OpenedStore, TaskyardError } from '@taskyard/core'

const PAUSE = { namespace: 'default', queue: 'default', paused: true }
const RATES = { seed: 7, slow: 0.1, refuse: 0.2, loseReply: 0.3 }

describe('faults', () => {
  it('refuse with a definite error before anything is done', async () => {
    const { store, pauses } = countingStore()
    await assert.rejects(
      withFaults(store, faultOnce({ pause: 'refuse' })).queues.pause(PAUSE),
      (error) => error instanceof TaskyardError && error.definite && error.retryable,
    )
    assert.equal(pauses(), 0)
  })

  it('lose the reply of a call that was done, with an indefinite error', async () => {
    const { store, pauses } = countingStore()
    await assert.rejects(
      withFaults(store, faultOnce({ pause: 'lose-reply' })).queues.pause(PAUSE),
      (error) => error instanceof TaskyardError && !error.definite && error.retryable,
    )
    assert.equal(pauses(), 1)
  })

  it('slow a call down without harming it', async () => {
    const { store, pauses } = countingStore()
    await withFaults(store, faultOnce({ pause: 'slow' })).queues.pause(PAUSE)
    assert.equal(pauses(), 1)
  })

  it('come in the same places for the same seed, in about the shares asked for', () => {
    const draw = (seed: number) => {
      const plan = seededFaults({ ...RATES, seed })
      return Array.from({ length: 10_000 }, () => plan('enqueue'))
    }
    const faults = draw(7)
    assert.deepEqual(faults, draw(7))
    assert.notDeepEqual(faults, draw(8))
    const share = (wanted: Fault) => faults.filter((fault) => fault === wanted).length / faults.length
    assert.ok(Math.abs(share('slow') - RATES.slow) < 0.03)
    assert.ok(Math.abs(share('refuse') - RATES.refuse) < 0.03)
    assert.ok(Math.abs(share('lose-reply') - RATES.loseReply) < 0.03)
  })

  it('do not lose replies of claims unless told to', () => {
    const plan = seededFaults(RATES)
    const faults = Array.from({ length: 1_000 }, () => plan('claim'))
    assert.ok(!faults.includes('lose-reply') && faults.includes('refuse'))
  })
})

describe('retrying', () => {
  it('repeats until a call gets through', async () => {
    const { store, pauses } = countingStore()
    const faults: Fault[] = ['refuse', 'lose-reply', 'refuse']
    await retrying(withFaults(store, () => faults.shift() ?? 'none')).queues.pause(PAUSE)
    assert.equal(pauses(), 2)
  })

  it('gives up in the end', async () => {
    const { store } = countingStore()
    await assert.rejects(retrying(withFaults(store, () => 'refuse')).queues.pause(PAUSE), TaskyardError)
  })

  it('does not repeat what cannot succeed later', async () => {
    const { store } = countingStore()
    let calls = 0
    const refusing: OpenedStore = {
      ...store,
      reads: {
        ...store.reads,
        async list() {
          calls += 1
          throw new TaskyardError('invalid_request', { reason: 'no' })
        },
      },
    }
    const everything = {
      statuses: null,
      type: null,
      queue: null,
      tag: null,
      createdAfter: null,
      createdBefore: null,
      errorCode: null,
    }
    const call = { namespace: 'default', ...everything, limit: 1, cursor: 'x' }
    await assert.rejects(retrying(refusing).reads.list(call), TaskyardError)
    assert.equal(calls, 1)
  })
})

function countingStore() {
  const reference = createReferenceStore(createSimulatedClock())
  let pauses = 0
  const store: OpenedStore = {
    ...reference,
    queues: {
      ...reference.queues,
      pause(params) {
        pauses += 1
        return reference.queues.pause(params)
      },
    },
  }
  return { store, pauses: () => pauses }
}
