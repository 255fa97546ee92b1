import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type BeatReply, LIMITS, type OpenedStore, type StoreCall, wrapCalls } from '@taskyard/core'
import type { Submission } from '../src/index.ts'
import { awayWhile, type EngineInDefault, PAYLOAD, startCluster, startEngine } from './test-bed.ts'

const EMAIL: Submission = { type: 'email', payload: PAYLOAD }
const GLOBAL = {
  maxAttempts: 10,
  backoff: { kind: 'exponential', baseSeconds: 1, factor: 2, maxSeconds: 3600 },
  timeoutSeconds: 3600,
} as const
const OF_EMAIL = { maxAttempts: 3, backoff: { kind: 'fixed', baseSeconds: 7 }, timeoutSeconds: 60 } as const
const WHOLE_BACKOFF = { ...GLOBAL.backoff, ...OF_EMAIL.backoff }

async function optionsOf(engine: Pick<EngineInDefault, 'submit'>, submission: Submission = EMAIL) {
  const { maxAttempts, backoff, timeoutSeconds } = (await engine.submit(submission)).task
  return { maxAttempts, backoff, timeoutSeconds }
}

/** Counts the calls of a store by name. */
function counting(counts: Partial<Record<StoreCall, number>>): (store: OpenedStore) => OpenedStore {
  return (store) =>
    wrapCalls(store, (name, call) => (params) => {
      counts[name] = (counts[name] ?? 0) + 1
      return call(params)
    })
}

describe('a submission', () => {
  test('that leaves an option out has that of its type', async (t) => {
    const { engine } = await startEngine(t)
    await engine.declareTypes([{ type: 'email', defaults: OF_EMAIL }])
    assert.deepEqual(await optionsOf(engine), { ...OF_EMAIL, backoff: WHOLE_BACKOFF })
    const [first] = await engine.submitMany([EMAIL])
    assert.equal((await engine.get(first?.id ?? '')).maxAttempts, 3)
  })

  test('has what it says itself, whatever its type says', async (t) => {
    const { engine } = await startEngine(t)
    await engine.declareTypes([{ type: 'email', defaults: OF_EMAIL }])
    const explicit = { maxAttempts: 10, backoff: { baseSeconds: 2 }, timeoutSeconds: null }
    assert.deepEqual(await optionsOf(engine, { ...EMAIL, ...explicit }), {
      ...explicit,
      backoff: { ...GLOBAL.backoff, baseSeconds: 2 },
    })
  })

  for (const option of ['maxAttempts', 'backoff', 'timeoutSeconds'] as const) {
    test(`falls back to what holds for every type, but for the one option that its type has: ${option}`, async (t) => {
      const { engine } = await startEngine(t)
      await engine.declareTypes([{ type: 'email', defaults: { [option]: OF_EMAIL[option] } }])
      const whole = { ...OF_EMAIL, backoff: WHOLE_BACKOFF }
      assert.deepEqual(await optionsOf(engine), { ...GLOBAL, [option]: whole[option] })
    })
  }

  test('of a type without bound of time has none', async (t) => {
    const { engine } = await startEngine(t)
    await engine.declareTypes([{ type: 'email', defaults: { timeoutSeconds: null } }])
    assert.equal((await optionsOf(engine)).timeoutSeconds, null)
  })

  test('of another type, or in another namespace, is as ever', async (t) => {
    const { engine } = await startEngine(t)
    await engine.declareTypes([{ type: 'email', defaults: OF_EMAIL }])
    assert.deepEqual(await optionsOf(engine, { ...EMAIL, type: 'Email' }), GLOBAL)
    assert.deepEqual(await optionsOf(engine.in('other')), GLOBAL)
    assert.deepEqual(await engine.in('other').types(), [])
  })

  test('under a key is answered with the first task, although the type has other defaults since', async (t) => {
    const { engine } = await startEngine(t)
    const keyed = { ...EMAIL, idempotencyKey: 'k' }
    const first = await engine.submit(keyed)
    await engine.declareTypes([{ type: 'email', defaults: OF_EMAIL }])
    const again = await engine.submit(keyed)
    assert.deepEqual(again, { task: first.task, replayed: true })
    await assert.rejects(engine.submit({ ...keyed, maxAttempts: 3 }), { code: 'idempotency_conflict' })
  })

  test('costs one read per namespace, ever, where no other process is', async (t) => {
    const counts: Partial<Record<StoreCall, number>> = {}
    const { engine, clock } = await startEngine(t, {}, counting(counts))
    await Promise.all(Array.from({ length: 10 }, () => engine.submit(EMAIL)))
    await clock.advance(3_600_000)
    await engine.submit(EMAIL)
    assert.equal(counts.listTypes, 1)
    await engine.in('other').submit(EMAIL)
    assert.equal(counts.listTypes, 2)
  })

  test('fails while the types cannot be read, and is as declared afterwards', async (t) => {
    let isAway = false
    const { engine } = await startEngine(
      t,
      {},
      awayWhile(() => isAway),
    )
    await engine.declareTypes([{ type: 'email', defaults: OF_EMAIL }])
    isAway = true
    await assert.rejects(engine.submit(EMAIL), { code: 'store_unavailable' })
    isAway = false
    assert.equal((await optionsOf(engine)).maxAttempts, 3)
  })
})

describe('a declaration', () => {
  test('holds for what is submitted after it was made, before it was answered', async (t) => {
    const { engine } = await startEngine(t)
    await engine.submit(EMAIL)
    const declaring = engine.declareTypes([{ type: 'email', defaults: OF_EMAIL }])
    assert.equal((await optionsOf(engine)).maxAttempts, 3)
    await declaring
  })

  test('holds with all others that are made at the same time', async (t) => {
    const { engine } = await startEngine(t)
    const types = Array.from({ length: 20 }, (_, n) => `type-${n}`)
    await Promise.all(
      types.flatMap((type, n) => [
        engine.declareTypes([{ type, defaults: { maxAttempts: n + 1 } }]),
        engine.submit({ type, payload: PAYLOAD }),
      ]),
    )
    for (const [n, type] of types.entries()) {
      assert.equal((await optionsOf(engine, { type, payload: PAYLOAD })).maxAttempts, n + 1)
    }
  })

  test('replaces the one before, and null takes it away', async (t) => {
    const { engine } = await startEngine(t)
    await engine.declareTypes([{ type: 'email', defaults: OF_EMAIL }])
    await engine.declareTypes([{ type: 'email', defaults: { maxAttempts: 4 } }])
    assert.deepEqual(await optionsOf(engine), { ...GLOBAL, maxAttempts: 4 })
    await engine.declareTypes([{ type: 'email', defaults: null }])
    assert.deepEqual(await optionsOf(engine), GLOBAL)
    assert.deepEqual(await engine.types(), [])
  })

  test('that is wrong is refused with the place, and changes nothing', async (t) => {
    const { engine } = await startEngine(t)
    const good = { type: 'email', defaults: OF_EMAIL }
    const declare = (type: string, defaults: object) => engine.declareTypes([good, { type, defaults }])
    for (const [type, defaults, message] of [
      ['a b', { maxAttempts: 1 }, /^\/types\/1\/type: a type has/],
      ['a', { maxAttempts: 0 }, /^\/types\/1\/maxAttempts: of type "a": a whole/],
      ['a', { maxAttemps: 1 }, /^\/types\/1\/maxAttemps: of type "a": is not/],
      ['a', {}, /^\/types\/1: of type "a": name at least one of maxAttempts/],
    ] as const)
      await assert.rejects(declare(type, defaults), { code: 'invalid_request', message })
    await assert.rejects(engine.declareTypes([]), { code: 'invalid_request' })
    assert.deepEqual(await engine.types(), [])
  })

  test('beyond the bound of a namespace is refused', async (t) => {
    const { engine } = await startEngine(t)
    const types = Array.from({ length: LIMITS.typesWithDefaults }, (_, n) => ({ type: `t${n}`, defaults: OF_EMAIL }))
    await engine.declareTypes(types)
    await assert.rejects(engine.declareTypes([{ type: 'email', defaults: OF_EMAIL }]), { code: 'too_many_types' })
    assert.deepEqual(await optionsOf(engine), GLOBAL)
    await engine.declareTypes([{ type: 't0', defaults: null }])
    await engine.declareTypes([{ type: 'email', defaults: OF_EMAIL }])
    assert.equal((await optionsOf(engine)).maxAttempts, 3)
  })
})

describe('a declaration at another process', () => {
  test('holds within 4 s, however busy this one is or idle', async (t) => {
    const { clock, node } = startCluster(t)
    const [here, there] = [await node('node-1'), await node('node-2')]
    await here.submit(EMAIL)
    await there.declareTypes([{ type: 'email', defaults: OF_EMAIL }])
    assert.equal((await optionsOf(there)).maxAttempts, 3)
    await clock.advance(4000)
    assert.equal((await optionsOf(here)).maxAttempts, 3)
    await there.declareTypes([{ type: 'email', defaults: { maxAttempts: 5 } }])
    for (let second = 1; second <= 4; second++) {
      await clock.advance(1000)
      await here.submit(EMAIL)
    }
    assert.equal((await optionsOf(here)).maxAttempts, 5)
    await there.declareTypes([{ type: 'email', defaults: null }])
    await clock.advance(3_600_000)
    assert.deepEqual(await optionsOf(here), GLOBAL)
  })

  test('is read by those alone who submit, once, and until then nobody waits for a read', async (t) => {
    const counts: Partial<Record<StoreCall, number>> = {}
    const { clock, node } = startCluster(t, counting(counts))
    const [here, there] = [await node('node-1'), await node('node-2')]
    const namespaces = Array.from({ length: 50 }, (_, n) => here.in(`customer-${n}`))
    const halfAMinute = async () => {
      for (let second = 0; second < 30; second += 5) {
        await clock.advance(5000)
        await Promise.all(namespaces.map((one) => one.submit(EMAIL)))
      }
    }
    await halfAMinute()
    assert.equal(counts.listTypes ?? 0, 0)
    await there.in('customer-0').declareTypes([{ type: 'email', defaults: OF_EMAIL }])
    await halfAMinute()
    assert.ok((counts.listTypes ?? 0) <= 2 * namespaces.length, String(counts.listTypes))
    assert.equal((await optionsOf(here.in('customer-0'))).maxAttempts, 3)
    assert.deepEqual(await optionsOf(here.in('customer-1')), GLOBAL)
  })

  test('holds within 4 s although this one hears no beat', async (t) => {
    const { clock, node } = startCluster(t, (store) => ({
      ...store,
      presence: {
        ...store.presence,
        beat: async (params) => {
          const reply = await store.presence.beat(params)
          if (params.nodeId === 'node-1' && isDeaf) throw new Error('no answer')
          return reply
        },
      },
    }))
    let isDeaf = false
    const [here, there] = [await node('node-1'), await node('node-2')]
    await here.submit(EMAIL)
    isDeaf = true
    await there.declareTypes([{ type: 'email', defaults: OF_EMAIL }])
    await clock.advance(4000)
    assert.equal((await optionsOf(here)).maxAttempts, 3)
  })
})

describe('a declaration that no beat counts', () => {
  const declared = [{ type: 'email', defaults: OF_EMAIL }]
  for (const [what, reply] of [
    ['tell of none', { anyDefaults: false, declarations: 0 }],
    ['tell of some', { anyDefaults: true, declarations: 7 }],
  ] as const) {
    test(`holds within a minute where beats ${what}, whoever submits when`, async (t) => {
      const { clock, node } = startCluster(
        t,
        telling(() => reply),
      )
      const [here, there] = [await node('node-1'), await node('node-2')]
      const namespaces = ['busy', 'idle'] as const
      for (const one of namespaces) assert.deepEqual(await optionsOf(here.in(one)), GLOBAL)
      for (const one of namespaces) await there.in(one).declareTypes(declared)
      for (let second = 0; second < 60; second++) {
        await clock.advance(1000)
        await here.in('busy').submit(EMAIL)
      }
      for (const one of namespaces) assert.equal((await optionsOf(here.in(one))).maxAttempts, 3, one)
    })
  }

  test('holds at once where a beat tells that there are some', async (t) => {
    const { node } = startCluster(
      t,
      telling(() => ({ anyDefaults: true, declarations: 0 })),
    )
    const [here, there] = [await node('node-1'), await node('node-2')]
    await there.declareTypes(declared)
    assert.equal((await optionsOf(here)).maxAttempts, 3)
  })

  test('holds with the beat that tells of the first', async (t) => {
    let anyDefaults = false
    const { clock, node } = startCluster(
      t,
      telling(() => ({ anyDefaults, declarations: 0 })),
    )
    const [here, there] = [await node('node-1'), await node('node-2')]
    await here.submit(EMAIL)
    await there.declareTypes(declared)
    anyDefaults = true
    await clock.advance(1000)
    assert.equal((await optionsOf(here)).maxAttempts, 3)
  })
})

/** A store whose beats tell this, whatever is declared. */
function telling(reply: () => BeatReply): (store: OpenedStore) => OpenedStore {
  return (store) => ({
    ...store,
    presence: { ...store.presence, beat: (params) => store.presence.beat(params).then(reply) },
  })
}

test('two declarations of one type in a call are refused, and nothing is declared', async (t) => {
  const { engine } = await startEngine(t)
  const twice = [1, 2].map((maxAttempts) => ({ type: 'email', defaults: { maxAttempts } }))
  await assert.rejects(engine.declareTypes(twice), {
    code: 'invalid_request',
    message: '/types/1/type: "email" is declared twice',
  })
  assert.deepEqual(await engine.types(), [])
})
