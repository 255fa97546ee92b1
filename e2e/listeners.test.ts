import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '@taskyard/conformance'
import { Taskyard } from '@taskyard/taskyard'

const PATIENCE_MS = 60_000
const handlers = { echo: (task: { readonly payload: unknown }) => task.payload }

describe('listeners of a Taskyard', () => {
  it('are taken off where they were added, by whichever in() of the namespace', async () => {
    await using yard = await Taskyard.open({ store: 'sqlite::memory:' })
    const told: unknown[] = []
    const listener = ({ payload }: { readonly payload: unknown }) => told.push(payload)
    const last = Promise.withResolvers<void>()
    yard.on('succeeded', listener)
    yard.in('acme').on('succeeded', listener).on('succeeded', listener, { type: 'echo' })
    yard.in('acme').off('succeeded', listener)
    yard.in('acme').work(handlers)
    yard.work(handlers)
    await yard.in('acme').submitAndWait('echo', 'theirs')
    yard.on('succeeded', () => last.resolve())
    await yard.submitAndWait('echo', 'ours')
    await last.promise
    assert.deepEqual(told, ['ours'])
  })

  it('that are added twice are told once, and of what either interest says', async () => {
    await using yard = await Taskyard.open({ store: 'sqlite::memory:' })
    const told: unknown[] = []
    const last = Promise.withResolvers<void>()
    const listener = ({ payload }: { readonly payload: unknown }) => told.push(payload)
    for (const tag of ['a', 'a', 'b']) yard.on('succeeded', listener, { tag })
    yard.on('succeeded', () => last.resolve(), { tag: 'last' })
    yard.work(handlers)
    for (const tag of ['a', 'b', 'c', 'last']) await yard.submitAndWait('echo', tag, { tags: [tag] })
    await last.promise
    assert.deepEqual(told, ['a', 'b'])
  })

  for (const [what, onError] of [
    ['throws', () => assert.fail('of onError')],
    ['rejects', async () => assert.fail('of onError')],
  ] as const) {
    it(`may reject while onError ${what}: the program lives, and the console says so`, async (t) => {
      const warn = t.mock.method(console, 'warn', () => {})
      await using yard = await Taskyard.open({ store: 'sqlite::memory:', onError })
      yard.on('succeeded', () => Promise.reject(null))
      yard.work(handlers)
      await yard.submitAndWait('echo', 1)
      await eventually('a warning', PATIENCE_MS, () => warn.mock.callCount() > 0)
      assert.equal(
        warn.mock.calls[0]?.arguments[0],
        'taskyard: onError, told of trouble during a listener of succeeded: of onError',
      )
    })
  }
})
