import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAbsentWorkers } from '../src/absent-workers.ts'

const LEFT = { startId: 'a', held: Promise.resolve(null) }
const nothing = () => {}

test('a grace is called off by another one, by its end, and when its worker is back; one that was, no more', () => {
  const workers = createAbsentWorkers()
  const calledOff: string[] = []
  const begin = (name: string) => workers.awaitReturn('worker-1', () => calledOff.push(name))
  begin('first')
  begin('second')
  assert.deepEqual(calledOff, ['first'])
  workers.endGrace('worker-1')
  workers.endGrace('worker-1')
  assert.deepEqual(calledOff, ['first', 'second'])
  begin('third')
  workers.remove('worker-1')
  workers.remove('worker-1')
  assert.deepEqual(calledOff, ['first', 'second', 'third'])
})

test('all graces are called off at once', () => {
  const workers = createAbsentWorkers()
  const calledOff: string[] = []
  for (const id of ['worker-1', 'worker-2']) workers.awaitReturn(id, () => calledOff.push(id))
  workers.endGrace('worker-2')
  workers.callOffAll()
  assert.deepEqual(calledOff, ['worker-2', 'worker-1'])
})

test('a worker is awaited in its grace, absent until it is back', () => {
  const workers = createAbsentWorkers()
  const standing = () => [workers.has('worker-1'), workers.isAwaited('worker-1')]
  assert.deepEqual(standing(), [false, false])
  workers.awaitReturn('worker-1', nothing)
  assert.deepEqual(standing(), [true, true])
  workers.endGrace('worker-1')
  assert.deepEqual(standing(), [true, false])
  workers.remove('worker-1')
  assert.deepEqual(standing(), [false, false])
})

test('what a worker left is remembered through its graces, until another start of it breaks or it is back', () => {
  const workers = createAbsentWorkers()
  workers.awaitReturn('worker-1', nothing, LEFT)
  workers.endGrace('worker-1')
  workers.awaitReturn('worker-1', nothing)
  assert.equal(workers.leftOf('worker-1'), LEFT)
  const ofAnotherStart = { ...LEFT, startId: 'b' }
  workers.awaitReturn('worker-1', nothing, ofAnotherStart)
  assert.equal(workers.leftOf('worker-1'), ofAnotherStart)
  workers.remove('worker-1')
  assert.equal(workers.leftOf('worker-1'), null)
})

test('of those whose grace is over, those are still that are not back and have no other grace', () => {
  const workers = createAbsentWorkers()
  assert.ok(workers.over().isEmpty)
  workers.awaitReturn('awaited', nothing)
  for (const id of ['back', 'heard-of', 'gone']) workers.endGrace(id)
  const over = workers.over()
  assert.ok(!over.isEmpty)
  assert.deepEqual(over.still(), ['back', 'heard-of', 'gone'])
  workers.remove('back')
  workers.awaitReturn('heard-of', nothing)
  workers.endGrace('awaited')
  assert.deepEqual(over.still(), ['gone'])
})

test('one whose grace is over again, after another one, is over anew', () => {
  const workers = createAbsentWorkers()
  workers.endGrace('worker-1')
  const before = workers.over()
  workers.awaitReturn('worker-1', nothing)
  workers.endGrace('worker-1')
  assert.deepEqual(before.still(), [])
  assert.deepEqual(workers.over().still(), ['worker-1'])
})
