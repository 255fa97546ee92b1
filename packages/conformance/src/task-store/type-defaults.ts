import assert from 'node:assert/strict'
import type { BeatReply, OpenedStore, TypeDeclaration, TypeDefaults, TypeWithDefaults } from '@taskyard/core'
import { ODD_NAMES } from '../hostile/texts.ts'
import { inRealTime } from '../real-time.ts'
import type { Suite } from '../suite.ts'
import type { TestBed } from '../test-bed.ts'

const ALL: TypeDefaults = {
  maxAttempts: 3,
  backoff: { kind: 'linear', baseSeconds: 0.5, factor: 1.25, maxSeconds: 60 },
  timeoutSeconds: 0.001,
}
const MOST = 1000

/** What submissions of a type get that do not say otherwise. */
export function describeTypeDefaults({ describe, it, itIn }: Suite): void {
  describe('defaults of types', () => {
    it('are none at first', async ({ store }) => {
      assert.deepEqual(await list(store), [])
    })

    it('are listed as declared, in the order of the names', async ({ store }) => {
      const declared: TypeWithDefaults[] = [
        { type: 'a', defaults: ALL },
        { type: 'B', defaults: { maxAttempts: 1000 } },
        { type: 'b', defaults: { backoff: { baseSeconds: 5 } } },
        { type: 'a.b', defaults: { timeoutSeconds: 604_800 } },
        { type: 'c', defaults: { timeoutSeconds: null } },
      ]
      assert.equal(await declare(store, declared), 'declared')
      assert.deepEqual(await list(store), inOrder(declared))
    })

    it('of the last declaration count, whole, and types that it does not name stay as they are', async ({ store }) => {
      await declare(store, [of('a', ALL), of('b', ALL)])
      await declare(store, [of('a', { maxAttempts: 7 })])
      assert.deepEqual(await list(store), [of('a', { maxAttempts: 7 }), of('b', ALL)])
    })

    it('of the last one of a call count', async ({ store }) => {
      await declare(store, [of('a', ALL), of('b', ALL), of('a', { maxAttempts: 2 }), of('b', null)])
      assert.deepEqual(await list(store), [of('a', { maxAttempts: 2 })])
    })

    it('may be declared again, and nothing at all may be', async ({ store }) => {
      for (let again = 0; again < 2; again++) assert.equal(await declare(store, [of('a', ALL)]), 'declared')
      assert.equal(await declare(store, []), 'declared')
      assert.deepEqual(await list(store), [of('a', ALL)])
    })

    it('are taken away, also where there are none', async ({ store }) => {
      await declare(store, [of('a', ALL), of('b', ALL)])
      for (let again = 0; again < 2; again++) {
        assert.equal(await declare(store, [of('a', null), of('unknown', null)]), 'declared')
        assert.deepEqual(await list(store), [of('b', ALL)])
      }
    })

    it('are those of their namespace alone', async ({ store }) => {
      await declare(store, [of('a', { maxAttempts: 1 })])
      await declare(store, [of('a', { maxAttempts: 2 })], MOST, 'other')
      await declare(store, [of('a', null)], MOST, 'third')
      assert.deepEqual(await list(store), [of('a', { maxAttempts: 1 })])
      assert.deepEqual(await list(store, 'other'), [of('a', { maxAttempts: 2 })])
      assert.deepEqual(await list(store, 'third'), [])
    })

    it('have names that mean something elsewhere', async ({ store }) => {
      const declared = ODD_NAMES.map((type, n) => of(type, { maxAttempts: n + 1 }))
      for (const namespace of ODD_NAMES.slice(0, 12)) {
        await declare(store, declared, MOST, namespace)
        assert.deepEqual(await list(store, namespace), inOrder(declared), namespace)
      }
    })

    it('survive a restart', async (bed) => {
      await declare(bed.store, [of('a', ALL), of('b', { timeoutSeconds: null }), of('c', ALL), of('c', null)])
      await bed.reopen()
      assert.deepEqual(await list(bed.store), [of('a', ALL), of('b', { timeoutSeconds: null })])
    })

    it('are counted, so that a beat tells whether there may be others', async (bed) => {
      assert.equal((await told(bed)).anyDefaults, false)
      await declare(bed.store, [of('a', ALL)], MOST, 'other')
      const first = await told(bed)
      assert.equal(first.anyDefaults, true)
      assert.deepEqual(await told(bed), first)
      await declare(bed.store, [of('a', null)], MOST, 'other')
      await declare(bed.store, [of('b', ALL)])
      assert.notEqual((await told(bed)).declarations, first.declarations)
      assert.equal(await declare(bed.store, [of('c', ALL)], 1), 'too-many')
      await bed.reopen()
      assert.equal((await told(bed)).anyDefaults, true)
    })

    describeVersionBefore({ itIn })
    describeLimit({ it })
    describeConcurrentDeclarations({ it })
  })
}

function describeVersionBefore({ itIn }: Pick<Suite, 'itIn'>): void {
  itIn(inRealTime, 'that a version before has left are told by the first beat', async (bed) => {
    await bed.declareAsBefore('other', of('a', ALL))
    await bed.reopen()
    assert.equal((await told(bed)).anyDefaults, true)
    assert.deepEqual(await list(bed.store, 'other'), [of('a', ALL)])
  })

  itIn(inRealTime, 'are told when a server of the version before takes the first of them', async (bed) => {
    assert.equal((await told(bed)).anyDefaults, false)
    await bed.declareAsBefore('other', of('a', ALL))
    assert.equal((await told(bed)).anyDefaults, true)
  })
}

function describeLimit({ it }: Pick<Suite, 'it'>): void {
  it('are bounded in number: over the limit a call changes nothing at all', async ({ store }) => {
    await declare(store, [of('a', ALL), of('b', ALL)], 2)
    const over = [of('a', null), of('b', { maxAttempts: 1 }), of('c', ALL), of('d', ALL)]
    assert.equal(await declare(store, over, 2), 'too-many')
    assert.deepEqual(await list(store), [of('a', ALL), of('b', ALL)])
  })

  it('may change at the limit, and make room for others', async ({ store }) => {
    await declare(store, [of('a', ALL), of('b', ALL)], 2)
    assert.equal(await declare(store, [of('b', { maxAttempts: 1 })], 2), 'declared')
    assert.equal(await declare(store, [of('c', ALL), of('a', null)], 2), 'declared')
    assert.deepEqual(await list(store), [of('b', { maxAttempts: 1 }), of('c', ALL)])
    assert.equal(await declare(store, [of('a', ALL)], 2, 'other'), 'declared')
  })

  it('are as many as the limit in one call', async ({ store }) => {
    const declared = Array.from({ length: MOST }, (_, n) => of(`${'x'.repeat(120)}-${n}`, ALL))
    assert.equal(await declare(store, declared), 'declared')
    assert.deepEqual(await list(store), inOrder(declared))
  })
}

function describeConcurrentDeclarations({ it }: Pick<Suite, 'it'>): void {
  it('that are declared at the same time are all there', async ({ store }) => {
    const declared = Array.from({ length: 20 }, (_, n) => of(`type-${n}`, { maxAttempts: n + 1 }))
    await Promise.all(declared.map((one) => declare(store, [one])))
    assert.deepEqual(await list(store), inOrder(declared))
  })

  it('of one type that are declared at the same time are those of one call', async ({ store }) => {
    const calls = Array.from({ length: 10 }, (_, n) => [
      of('a', { maxAttempts: n + 1 }),
      of('b', { timeoutSeconds: n + 1 }),
    ])
    await Promise.all(calls.map((types) => declare(store, types)))
    const [a, b, ...more] = await list(store)
    assert.deepEqual(more, [])
    assert.equal(a?.defaults.maxAttempts, b?.defaults.timeoutSeconds)
  })

  it('stay within the limit when they are declared at the same time', async ({ store }) => {
    const calls = Array.from({ length: 10 }, (_, n) => declare(store, [of(`type-${n}`, ALL)], 4))
    const outcomes = await Promise.all(calls)
    assert.equal(outcomes.filter((outcome) => outcome === 'declared').length, 4)
    assert.equal((await list(store)).length, 4)
  })
}

/** What a beat tells of them. */
function told({ store }: TestBed): Promise<BeatReply> {
  return store.presence.beat({ nodeId: 'node-1', workers: [], ttlMs: 5_000 })
}

function of<Defaults extends TypeDefaults | null>(type: string, defaults: Defaults) {
  return { type, defaults }
}

function declare(store: OpenedStore, types: readonly TypeDeclaration[], limit = MOST, namespace = 'default') {
  return store.taskTypes.declareTypes({ namespace, types, limit })
}

function list(store: OpenedStore, namespace = 'default') {
  return store.taskTypes.listTypes({ namespace })
}

function inOrder(types: readonly TypeWithDefaults[]): readonly TypeWithDefaults[] {
  return types.toSorted((one, other) => (one.type < other.type ? -1 : 1))
}
