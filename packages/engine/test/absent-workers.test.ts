import assert from 'node:assert/strict'
import { test } from 'node:test'
import { workerKey } from '@taskyard/core'
import { createAbsentWorkers } from '../src/absent-workers.ts'

const key = (workerId: string) => workerKey({ namespace: 'default', workerId })
const LAST_START = { startId: 'a', held: Promise.resolve(null) }
const grace = (until = 100) => ({ since: 0, until, excused: 0 })

test('a grace is due at its end, not before, and not when another one, its end or the return of its worker came first', () => {
  const workers = createAbsentWorkers()
  const due = () => workers.due(100).map(([workerId]) => workerId)
  workers.awaitReturn(key('worker-1'), grace(100))
  workers.awaitReturn(key('worker-2'), grace(101))
  assert.deepEqual(due(), ['worker-1'])
  workers.awaitReturn(key('worker-1'), grace(102))
  assert.deepEqual(due(), [])
  workers.awaitReturn(key('worker-2'), grace(99))
  workers.endGrace(key('worker-2'))
  assert.deepEqual(due(), [])
  workers.awaitReturn(key('worker-2'), grace(99))
  workers.remove(key('worker-2'))
  assert.deepEqual(due(), [])
})

test('the next end is that of the grace that is over first', () => {
  const workers = createAbsentWorkers()
  assert.equal(workers.nextEnd(), Number.POSITIVE_INFINITY)
  workers.awaitReturn(key('worker-1'), grace(200))
  workers.awaitReturn(key('worker-2'), grace(100))
  assert.equal(workers.nextEnd(), 100)
  workers.endGrace(key('worker-2'))
  assert.equal(workers.nextEnd(), 200)
})

test('a worker is awaited in its grace, absent until it is back', () => {
  const workers = createAbsentWorkers()
  const standing = () => [workers.has(key('worker-1')), workers.isAwaited(key('worker-1'))]
  assert.deepEqual(standing(), [false, false])
  workers.awaitReturn(key('worker-1'), grace())
  assert.deepEqual(standing(), [true, true])
  workers.endGrace(key('worker-1'))
  assert.deepEqual(standing(), [true, false])
  workers.remove(key('worker-1'))
  assert.deepEqual(standing(), [false, false])
})

test('what a worker left is remembered through its graces, until another start of it breaks or it is back', () => {
  const workers = createAbsentWorkers()
  workers.awaitReturn(key('worker-1'), grace(), LAST_START)
  workers.endGrace(key('worker-1'))
  workers.awaitReturn(key('worker-1'), grace())
  assert.equal(workers.lastStartOf(key('worker-1')), LAST_START)
  const ofAnotherStart = { ...LAST_START, startId: 'b' }
  workers.awaitReturn(key('worker-1'), grace(), ofAnotherStart)
  assert.equal(workers.lastStartOf(key('worker-1')), ofAnotherStart)
  workers.remove(key('worker-1'))
  assert.equal(workers.lastStartOf(key('worker-1')), null)
})

test('of those whose grace is over, those are unchanged that are not back and have no other grace', () => {
  const workers = createAbsentWorkers()
  assert.ok(workers.endedGraces().isEmpty)
  workers.awaitReturn(key('awaited'), grace())
  for (const id of ['back', 'heard-of', 'gone']) workers.endGrace(key(id))
  const ended = workers.endedGraces()
  assert.ok(!ended.isEmpty)
  assert.deepEqual(ended.unchanged(), ['back', 'heard-of', 'gone'])
  workers.remove(key('back'))
  workers.awaitReturn(key('heard-of'), grace())
  workers.endGrace(key('awaited'))
  assert.deepEqual(ended.unchanged(), ['gone'])
})

test('one whose grace is over again, after another one, is over anew', () => {
  const workers = createAbsentWorkers()
  workers.endGrace(key('worker-1'))
  const before = workers.endedGraces()
  workers.awaitReturn(key('worker-1'), grace())
  workers.endGrace(key('worker-1'))
  assert.deepEqual(before.unchanged(), [])
  assert.deepEqual(workers.endedGraces().unchanged(), ['worker-1'])
})
