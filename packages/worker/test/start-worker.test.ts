import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startWorker } from '@taskyard/worker'
import { MemoryApi } from './memory-api.ts'

for (const [what, handlers, options] of [
  ['no handler at all', {}, {}],
  ['a type without a handler', { a: () => 1 }, { types: ['b'] }],
  ['an inherited name as a type', { a: () => 1 }, { types: ['constructor'] }],
  ['no concurrency', { a: () => 1 }, { concurrency: 0 }],
  ['a queue with a bad name', { a: () => 1 }, { queues: ['a b'] }],
  ['half a star among the queues', { a: () => 1 }, { queues: ['*mail'] }],
  ['too long a lease', { a: () => 1 }, { leaseSeconds: 3601 }],
] as const) {
  test(`${what} is refused at the start`, () => {
    assert.throws(() => startWorker(new MemoryApi(), handlers, options), { code: 'invalid_configuration' })
  })
}
