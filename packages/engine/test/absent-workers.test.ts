import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAbsentWorkers } from '../src/absent-workers.ts'

const LEFT = { startId: 'a', held: Promise.resolve(null) }
const grace = (until = 100) => ({ since: 0, until, excused: 0 })

test('a grace is due at its end, not before, and not when another one, its end or the return of its worker came first', () => {
  const workers = createAbsentWorkers()
  const due = () => workers.due(100).map(([workerId]) => workerId)
  workers.awaitReturn('worker-1', grace(100))
  workers.awaitReturn('worker-2', grace(101))
  assert.deepEqual(due(), ['worker-1'])
  workers.awaitReturn('worker-1', grace(102))
  assert.deepEqual(due(), [])
  workers.awaitReturn('worker-2', grace(99))
  workers.endGrace('worker-2')
  assert.deepEqual(due(), [])
  workers.awaitReturn('worker-2', grace(99))
  workers.remove('worker-2')
  assert.deepEqual(due(), [])
})

test('the next end is that of the grace that is over first', () => {
  const workers = createAbsentWorkers()
  assert.equal(workers.nextEnd(), Number.POSITIVE_INFINITY)
  workers.awaitReturn('worker-1', grace(200))
  workers.awaitReturn('worker-2', grace(100))
  assert.equal(workers.nextEnd(), 100)
  workers.endGrace('worker-2')
  assert.equal(workers.nextEnd(), 200)
})

test('a worker is awaited in its grace, absent until it is back', () => {
  const workers = createAbsentWorkers()
  const standing = () => [workers.has('worker-1'), workers.isAwaited('worker-1')]
  assert.deepEqual(standing(), [false, false])
  workers.awaitReturn('worker-1', grace())
  assert.deepEqual(standing(), [true, true])
  workers.endGrace('worker-1')
  assert.deepEqual(standing(), [true, false])
  workers.remove('worker-1')
  assert.deepEqual(standing(), [false, false])
})

test('what a worker left is remembered through its graces, until another start of it breaks or it is back', () => {
  const workers = createAbsentWorkers()
  workers.awaitReturn('worker-1', grace(), LEFT)
  workers.endGrace('worker-1')
  workers.awaitReturn('worker-1', grace())
  assert.equal(workers.leftOf('worker-1'), LEFT)
  const ofAnotherStart = { ...LEFT, startId: 'b' }
  workers.awaitReturn('worker-1', grace(), ofAnotherStart)
  assert.equal(workers.leftOf('worker-1'), ofAnotherStart)
  workers.remove('worker-1')
  assert.equal(workers.leftOf('worker-1'), null)
})

test('of those whose grace is over, those are still that are not back and have no other grace', () => {
  const workers = createAbsentWorkers()
  assert.ok(workers.over().isEmpty)
  workers.awaitReturn('awaited', grace())
  for (const id of ['back', 'heard-of', 'gone']) workers.endGrace(id)
  const over = workers.over()
  assert.ok(!over.isEmpty)
  assert.deepEqual(over.still(), ['back', 'heard-of', 'gone'])
  workers.remove('back')
  workers.awaitReturn('heard-of', grace())
  workers.endGrace('awaited')
  assert.deepEqual(over.still(), ['gone'])
})

test('one whose grace is over again, after another one, is over anew', () => {
  const workers = createAbsentWorkers()
  workers.endGrace('worker-1')
  const before = workers.over()
  workers.awaitReturn('worker-1', grace())
  workers.endGrace('worker-1')
  assert.deepEqual(before.still(), [])
  assert.deepEqual(workers.over().still(), ['worker-1'])
})
