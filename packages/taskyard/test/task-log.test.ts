import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import type { Task } from '@taskyard/core'
import type { EndedAttempt } from '@taskyard/engine'
import { createTaskLog } from '../src/server/task-log.ts'

const FAILED: EndedAttempt = {
  taskId: 'task-1',
  namespace: 'default',
  queue: 'mail',
  type: 'email',
  taskStatus: 'failed',
  cause: 'failed',
  workerId: null,
  error: { code: 'broken', message: 'It broke' },
  runAt: null,
}

function testBed(level: 'info' | 'debug' = 'info') {
  const clock = createSimulatedClock()
  const lines: object[] = []
  const asked: number[] = []
  const line = (level: string) => (details: object, msg: string) => void lines.push({ level, ...details, msg })
  const log = createTaskLog({
    clock,
    lines: { warn: line('warn'), info: line('info'), debug: line('debug'), isLevelEnabled: (one) => one === level },
    async find({ taskIds }) {
      asked.push(taskIds.length)
      return taskIds.map((id) => ({ id, attempt: 3, maxAttempts: 3, payload: '"secret"', error: FAILED.error }) as Task)
    },
  })
  return { clock, lines, asked, log }
}

test('a final failure is a line with what happened to which task, and nothing of its payload', async () => {
  const { clock, lines, log } = testBed()
  log.ended(FAILED)
  await clock.advance(1000)
  const named = { task: 'task-1', type: 'email', queue: 'mail', namespace: 'default', attempt: 3, maxAttempts: 3 }
  const told = { level: 'warn', ...named, code: 'broken', error: 'It broke', msg: 'a task failed for good' }
  assert.deepEqual(lines, [told])
})

test('of a million failures ten a second are named, the others counted, and few are looked up', async () => {
  const { clock, lines, asked, log } = testBed()
  for (let n = 0; n < 1_000_000; n++) log.ended(FAILED)
  await clock.advance(1000)
  assert.equal(lines.length, 11)
  assert.deepEqual(lines[10], {
    level: 'warn',
    tasks: 999_990,
    msg: 'more tasks failed for good, too many to name each',
  })
  assert.deepEqual(asked, [10])
  await clock.advance(10_000)
  assert.equal(lines.length, 11)
})

test('an attempt that another follows is told at debug alone', async () => {
  const retried: EndedAttempt = { ...FAILED, taskStatus: 'scheduled', runAt: 1000 }
  const quiet = testBed()
  quiet.log.ended(retried)
  await quiet.clock.advance(1000)
  assert.deepEqual(quiet.lines, [])
  const talkative = testBed('debug')
  talkative.log.ended(retried)
  assert.match(
    JSON.stringify(talkative.lines),
    /"level":"debug".*"error":"It broke","runAt":"1970-01-01T00:00:01.000Z"/,
  )
})

test('a worker that is not heard of any more is a line, however much it ran', async () => {
  const { clock, lines, log } = testBed()
  for (let n = 0; n < 50; n++) {
    log.ended({ ...FAILED, taskStatus: 'queued', cause: 'expired', workerId: 'worker-1', error: null })
  }
  await clock.advance(1000)
  const msg = 'a worker is not heard of any more; what it ran goes to others'
  assert.deepEqual(lines, [{ level: 'info', worker: 'worker-1', leases: 50, msg }])
})

test('of a message the first line is told, and nothing of what others said below it', async () => {
  const { lines, log } = testBed('debug')
  const message = 'POST host answered 422 Unprocessable Entity\nhttp://host/path\nbad request: {"card":"secret"}'
  log.ended({ ...FAILED, taskStatus: 'scheduled', error: { code: 'refused', message } })
  await log.flush()
  assert.equal((lines[0] as { error: string }).error, 'POST host answered 422 Unprocessable Entity')
})

test('a text that is too long is cut, and a store that is away loses no line', async () => {
  const lines: object[] = []
  const clock = createSimulatedClock()
  const line = (details: object) => void lines.push(details)
  const log = createTaskLog({
    clock,
    lines: { warn: line, info: line, debug: line, isLevelEnabled: () => false },
    find: () => Promise.reject(new Error('away')),
  })
  log.ended({ ...FAILED, error: { code: 'long', message: 'x'.repeat(10_000) } })
  await log.flush()
  assert.equal((lines[0] as { error: string }).error.length, 501)
})
