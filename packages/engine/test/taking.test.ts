import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { KnownWorker } from '../src/known-workers.ts'
import { takingOf } from '../src/taking.ts'

const names = (prefix: string) =>
  fc.array(
    fc.integer({ min: 0, max: 3 }).map((n) => `${prefix}${n}`),
    { maxLength: 3 },
  )
const scope = fc.record({
  queues: fc.option(names('q')),
  types: fc.option(names('t')),
  isPart: fc.integer({ max: 0, min: -9 }).map((n) => n === -9),
})
const asking = (scopes: KnownWorker['scopes'], workerId = 'worker'): KnownWorker => ({
  ...{ workerId, scopes, seenAgoMs: 0, concurrency: null },
  ...{ connected: false, watched: false, embedded: false, leases: 0 },
})

test('a lane is taken when somebody takes it', () => {
  fc.assert(
    fc.property(fc.array(scope), fc.array(scope), fc.integer({ min: 0, max: 4 }), (one, other, n) => {
      const taking = takingOf({ workers: [asking(one), asking(other)], complete: true })
      const lane = { queue: `q${n}`, type: `t${4 - n}` }
      assert.equal(taking.isTaken(lane), taking.takers(lane).length > 0)
    }),
  )
})

test('queues and types are told once each, in order', () => {
  const workers = [
    asking([
      { queues: ['b', 'a'], types: ['y', 'x'], isPart: false },
      { queues: null, types: ['x'], isPart: false },
    ]),
    asking([{ queues: ['c'], types: null, isPart: false }]),
  ]
  const taking = takingOf({ workers, complete: true })
  assert.deepEqual(taking.types, ['x', 'y'])
  assert.deepEqual(taking.queuesOf('x'), ['*', 'a', 'b', 'c'])
  assert.deepEqual(taking.queuesOf('y'), ['a', 'b', 'c'])
  assert.deepEqual(taking.queuesOf('z'), ['c'])
})

test('what workers ask for is read once, however many lanes are looked at', () => {
  let reads = 0
  const counted = (list: readonly string[]) =>
    new Proxy(list, {
      get(target, key) {
        reads += 1
        return Reflect.get(target, key)
      },
    })
  const types = Array.from({ length: 25 }, (_, n) => `known-type-${n}`)
  const workers = Array.from({ length: 20 }, () =>
    asking([{ queues: counted(['default']), types: counted(types), isPart: false }]),
  )
  const taking = takingOf({ workers, complete: true })
  const readAtFirst = reads
  const meant = Array.from({ length: 100 }, (_, n) => {
    const type = `knowntype-${n}`
    assert.equal(taking.isTaken({ queue: 'default', type }), false)
    assert.deepEqual(taking.queuesOf(type), [])
    return taking.meantBy(type)
  })
  assert.equal(reads, readAtFirst)
  assert.equal(meant[3], 'known-type-3')
  assert.equal(meant.filter((type) => type !== null).length, 20)
})
