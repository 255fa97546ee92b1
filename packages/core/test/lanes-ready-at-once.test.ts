import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { JOINABLE_BELOW_TASKS, lanesReadyAtOnce, type NewTask } from '@taskyard/core'

const A = { namespace: 'default', queue: 'default', type: 'a' }
const B = { ...A, type: 'b' }
const NOW = { runAt: null, delayMs: 0 }

const submission = (...tasks: readonly object[]) => ({ tasks: tasks as readonly NewTask[] })

describe('the lanes that have ready tasks as soon as a call is stored', () => {
  it('are those of tasks without a time or a delay', () => {
    const tasks = [
      { ...A, ...NOW },
      { ...B, ...NOW, delayMs: 1 },
      { ...B, ...NOW, runAt: 0 },
    ]
    assert.deepEqual(lanesReadyAtOnce([submission(...tasks)]), [A])
  })

  it('are named once for tasks that follow each other, over the ends of submissions too', () => {
    const others = [
      { ...B, queue: 'other' },
      { ...B, queue: 'other', namespace: 'other' },
    ]
    const [a, b, ...rest] = [A, B, ...others].map((lane) => ({ ...lane, ...NOW }))
    const submissions = [
      submission({ ...A, ...NOW }, { ...a }),
      submission({ ...a }, { ...b }, { ...b }),
      submission(...rest),
    ]
    assert.deepEqual(lanesReadyAtOnce(submissions), [A, B, ...others])
  })

  it('are none where the call has too many tasks for a claim to join', () => {
    const call = (count: number) => [
      submission({ ...A, ...NOW }),
      submission(...Array(count - 1).fill({ ...B, ...NOW })),
    ]
    assert.equal(lanesReadyAtOnce(call(JOINABLE_BELOW_TASKS), JOINABLE_BELOW_TASKS).length, 0)
    assert.equal(lanesReadyAtOnce(call(JOINABLE_BELOW_TASKS - 1), JOINABLE_BELOW_TASKS).length, 2)
    assert.equal(lanesReadyAtOnce(call(JOINABLE_BELOW_TASKS)).length, 2)
  })
})
