import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TaskFailure, type TaskHandler } from '@taskyard/core'
import { withoutServerPaths } from '../src/server/without-server-paths.ts'

class MailFailure extends TaskFailure {}

for (const [how, fail] of [
  [
    'throws',
    (error: unknown) => () => {
      throw error
    },
  ],
  ['rejects with', (error: unknown) => () => Promise.reject(error)],
] as const) {
  async function thrownBy(error: unknown) {
    const handlers = withoutServerPaths({ fail: { run: fail(error) as TaskHandler, maxAttempts: 3 } })
    const { run } = handlers.fail as { run: TaskHandler }
    return (async () => run({} as never, {} as never))().then(
      () => assert.fail('it returned'),
      (thrown: Error & { code?: string; retryable?: boolean; retryDelaySeconds?: number }) => thrown,
    )
  }

  test(`a failure that a handler foresaw, and ${how}, has no stack, whatever its class is called`, async () => {
    const cause = new Error('connection refused')
    const {
      message,
      stack,
      code,
      retryable,
      retryDelaySeconds,
      cause: told,
    } = await thrownBy(
      new MailFailure('no such mailbox', { code: 'mailbox', retryable: false, retryDelaySeconds: 5, cause }),
    )
    assert.deepEqual([message, stack, code, retryable, retryDelaySeconds], ['no such mailbox', '', 'mailbox', false, 5])
    assert.equal(told, undefined)
  })

  test(`an error that nobody foresaw, and a handler ${how}, keeps its stack and those of its causes, without folders`, async () => {
    const cause = new Error('inner')
    const outer = new Error('outer', { cause })
    cause.cause = outer
    const { stack } = await thrownBy(outer)
    assert.match(String(stack), /^Error: outer\n +at .*without-server-paths\.test\.ts:\d+/)
    for (const text of [stack, cause.stack]) assert.doesNotMatch(String(text), /packages\/taskyard/)
  })
}

test('what a handler returns stays as it is', async () => {
  const handlers = withoutServerPaths({ now: () => 1, later: async () => 2 })
  const run = (type: 'now' | 'later') => (handlers[type] as TaskHandler)({} as never, {} as never)
  assert.equal(run('now'), 1)
  assert.equal(await run('later'), 2)
})
