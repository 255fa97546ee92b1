import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WaitingReason } from '@taskyard/core'
import { waitingLines, waitingRemark } from '../src/cli/waiting-lines.ts'

const plain = (_style: unknown, text: string) => text
const paused: WaitingReason = { code: 'queue_paused', message: 'queue mail is paused; resume it', queue: 'mail' }
const later: WaitingReason = { code: 'due_later', message: 'it is due in 5 m', dueAt: '2030-01-01T00:00:00.000Z' }
const stopping: WaitingReason = {
  ...{ code: 'cancel_requested', message: 'it was asked to stop 3 s ago' },
  ...{ workerId: 'w', requestedAt: '2030-01-01T00:00:00.000Z' },
}
const running: WaitingReason = { code: 'running', message: 'w runs it', workerId: 'w', attempt: 1, startedAt: '' }

test('what keeps a task is told whole, on lines that fit', () => {
  assert.deepEqual(waitingLines([paused, later], plain, 40), [
    '  waiting     because queue mail is',
    '              paused; resume it',
    '              and because it is due in 5',
    '              m',
  ])
})

test('a task that is to stop says so, and one that runs says nothing', () => {
  assert.deepEqual(waitingLines([stopping], plain, 80), ['  stopping    it was asked to stop 3 s ago'])
  assert.deepEqual(waitingLines([running], plain, 80), [])
})

test('what a name holds cannot steer the terminal', () => {
  const evil: WaitingReason = { ...later, message: 'failed (\u001b[2J: x)' }
  assert.ok(!waitingLines([evil], plain, 80).join().includes('\u001b'))
})

test('who waits is told in one remark', () => {
  assert.equal(waitingRemark(paused), 'waiting because queue mail is paused; resume it')
  assert.equal(waitingRemark(stopping), 'it was asked to stop 3 s ago')
})
