import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Clock } from '@taskyard/core'
import { attemptOf, failureFrom, openTypes } from './support/attempt.ts'

describe('the test type', () => {
  it('echoes message and attempt', async (t) => {
    const { run } = openTypes(t)
    assert.deepEqual(await run('test', { message: 'Hello' }, 3), { message: 'Hello', attempt: 3 })
    assert.deepEqual(await run('test', 'anything'), { message: null, attempt: 1 })
    assert.deepEqual(await run('test', null), { message: null, attempt: 1 })
  })

  it('takes its time, reporting progress at even steps', async (t) => {
    const clock = steppedClock()
    const { handlers } = openTypes(t, { clock })
    const { task, context, progressed } = attemptOf('test', { delayMs: 1000, progressSteps: 4 })
    const result = await handlers.test?.(task, context)
    assert.deepEqual(result, { message: null, attempt: 1 })
    assert.deepEqual(clock.waits, [250, 250, 250, 250])
    assert.deepEqual(
      progressed,
      [1, 2, 3, 4].map((step) => ({ step, steps: 4 })),
    )
  })

  it('logs the lines it is given', async (t) => {
    const { handlers } = openTypes(t)
    const { task, context, logged } = attemptOf('test', { log: ['one', 'two'] })
    await handlers.test?.(task, context)
    assert.deepEqual(logged, ['one', 'two'])
  })

  it('stops in the middle of a delay when cancelled', async (t) => {
    const { handlers } = openTypes(t)
    const { task, context, cancel } = attemptOf('test', { delayMs: 60_000 })
    const failure = failureFrom(Promise.resolve(handlers.test?.(task, context)))
    cancel()
    assert.equal((await failure).message, 'cancelled by the test')
  })

  it('blocks the event loop for blockMs where nothing else runs on it', async (t) => {
    const { handlers } = openTypes(t, { mayBlock: true })
    const { task, context } = attemptOf('test', { blockMs: 50 })
    const start = performance.now()
    const running = handlers.test?.(task, context)
    assert.ok(performance.now() - start >= 50)
    await running
  })

  it('only waits for blockMs in a server that serves others', async (t) => {
    const { handlers } = openTypes(t)
    const { task, context, cancel } = attemptOf('test', { blockMs: 60_000 })
    const failure = failureFrom(Promise.resolve(handlers.test?.(task, context)))
    cancel()
    assert.equal((await failure).message, 'cancelled by the test')
  })

  it('fails every attempt, or the first n', async (t) => {
    const { run } = openTypes(t)
    const always = await failureFrom(run('test', { fail: true }, 9))
    assert.equal(always.code, 'test_failure')
    assert.equal(always.retryable, true)
    assert.equal((await failureFrom(run('test', { fail: 2 }, 2))).code, 'test_failure')
    assert.deepEqual(await run('test', { fail: 2 }, 3), { message: null, attempt: 3 })
    assert.deepEqual(await run('test', { fail: false }), { message: null, attempt: 1 })
  })

  it('fails for good when told so', async (t) => {
    assert.equal((await failureFrom(openTypes(t).run('test', { fail: true, retryable: false }))).retryable, false)
  })
})

/** Time passes as soon as somebody waits for it. */
function steppedClock(): Clock & { readonly waits: readonly number[] } {
  const waits: number[] = []
  return {
    waits,
    now: () => 0,
    after(delayMs, callback) {
      waits.push(delayMs)
      queueMicrotask(callback)
      return () => {}
    },
  }
}
