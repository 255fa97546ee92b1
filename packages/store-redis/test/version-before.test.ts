// A server of the version before may work on the store until all are replaced.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it, type TestContext } from 'node:test'
import { DEFAULT_RETENTION, type LeasedTask, type NewTask, type ReadyLane } from '@taskyard/core'
import { sharedServer } from '@taskyard/test-servers'
import { Redis } from 'ioredis'
import type { Reply } from '../src/connection.ts'
import { facetsOf } from '../src/facets.ts'
import { scriptText } from '../src/script-text.ts'
import type { Script } from '../src/scripts.ts'
import { batch, counted, idsOf, listAll, SUCCEEDED, submit } from './calls.ts'
import { CLAIM, freshPrefix, namespace, newTask, openTestStore } from './test-bed.ts'

const EVERY = { ...CLAIM, queues: null } as const

describe('claims of every queue, beside a server of the version before', () => {
  it('find what that has stored before the first server of this one came', async (t) => {
    const { before, after } = await bothVersions(t)
    const tasks = [3, 1, 2].map((n) => newTask({ queue: `q${n}` }))
    await enqueue(before, [...tasks, newTask({ queue: 'held', priority: 9 })])
    await before.queues.pause({ namespace, queue: 'held', paused: true })
    assert.deepEqual(idsOf(await after.tasks.claim({ ...EVERY, limit: 2 })), idsOf(tasks.slice(0, 2)))
    assert.deepEqual(idsOf(await after.tasks.claim({ ...EVERY, limit: 9 })), idsOf(tasks.slice(2)))
  })

  it('find what that makes ready now, and pass over what it takes and pauses', async (t) => {
    const { before, after, beats } = await bothVersions(t)
    await submit(after, [newTask({ queue: 'taken' }), newTask({ queue: 'held' }), newTask({ queue: 'open' })])
    assert.equal((await before.tasks.claim({ ...CLAIM, queues: ['taken'] })).length, 1)
    await before.queues.pause({ namespace, queue: 'held', paused: true })
    const queuesOf = (tasks: readonly LeasedTask[]) => tasks.map(({ queue }) => queue)
    assert.deepEqual(queuesOf(await after.tasks.claim(EVERY)), ['open'])
    for (const queue of ['open', 'new', 'taken']) {
      await enqueue(before, [newTask({ queue })])
      assert.deepEqual(queuesOf(await beats(() => after.tasks.claim(EVERY))), [queue])
    }
    await before.queues.pause({ namespace, queue: 'held', paused: false })
    assert.deepEqual(queuesOf(await beats(() => after.tasks.claim(EVERY))), ['held'])
  })

  it('find what that resumed and nobody noticed, some seconds after it was noticed last', async (t) => {
    const { after, held, resume, passes, sweep } = await heldBeside(t)
    const types = new Set<string>()
    const hear = (lanes: readonly ReadyLane[]) => {
      for (const { type } of lanes) types.add(type)
    }
    t.after(after.wakeUps.subscribe(hear))
    await passes(1000)
    await sweep()
    await resume()
    await passes(5000)
    await sweep()
    assert.equal(types.size, held.length)
    assert.deepEqual(idsOf(await after.tasks.claim({ ...EVERY, limit: 999 })), idsOf(held))
  })

  it('find it within a minute, when that goes on unnoticed, and within an hour look no longer', async (t) => {
    const { after, held, resume, passes, sweep, redis, key } = await heldBeside(t)
    await passes(10_000)
    await sweep()
    await resume()
    await passes(60_000)
    await sweep()
    assert.deepEqual(idsOf(await after.tasks.claim({ ...EVERY, limit: 999 })), idsOf(held))
    await passes(3_600_000)
    await sweep()
    assert.deepEqual(await redis.hmget(`${key}meta`, 'strangerAt', 'placedAt', 'placing'), [null, null, null])
  })

  it('find it when a server has started', async (t) => {
    const { after, held, resume, passes, sweep, start } = await heldBeside(t)
    await passes(3_700_000)
    await sweep()
    await resume()
    await sweep()
    assert.deepEqual(await after.tasks.claim({ ...EVERY, limit: 999 }), [])
    await start()
    await sweep()
    assert.deepEqual(idsOf(await after.tasks.claim({ ...EVERY, limit: 999 })), idsOf(held))
  })

  it('leave nothing to sweeps of a store that has met none', async (t) => {
    const { after, redis, key } = await bothVersions(t)
    await submit(after, [newTask()])
    await after.lifecycle.migrate()
    await after.upkeep.sweep({ ...SWEEP, retention: DEFAULT_RETENTION })
    assert.deepEqual(await redis.hmget(`${key}meta`, 'strangers', 'strangerAt', 'placing'), [null, null, null])
  })
})

describe('tasks that are deleted, and a server of the version before that sweeps', () => {
  it('are counted once, and those that came with them stay in lists until their own time', async (t) => {
    const { before, after, redis, key } = await bothVersions(t)
    const bytes = async () => Number(await redis.hget(`${key}meta`, 'bytes'))
    const tasks = batch(60)
    await submit(after, tasks)
    const claimed = await after.tasks.claim({ ...CLAIM, limit: 60 })
    const settlements = claimed.map(({ id, lease: { token } }) => ({ taskId: id, token, ...SUCCEEDED }))
    for (const some of [settlements.slice(0, 40), settlements.slice(40)])
      await after.tasks.settle({ namespace, settlements: some, claim: null })
    const remove = (wanted: (n: number) => boolean) =>
      after.tasks.delete({ namespace, taskIds: idsOf(tasks.filter((_, n) => wanted(n))) })
    const left = new Set(idsOf(tasks))
    const checkLeft = async (what: string) => {
      assert.deepEqual(await listAll(after, {}), [...left].reverse(), what)
      assert.equal(await counted(after, 'succeeded'), left.size, what)
    }

    await remove((n) => n % 3 === 0 || n >= 50)
    for (const [n, { id }] of tasks.entries()) if (n % 3 === 0 || n >= 50) left.delete(id)
    await checkLeft('deleted')
    const half = { ...DEFAULT_RETENTION, finishedBytes: (await bytes()) / 2 }
    const { removed } = await before.upkeep.sweep({ ...SWEEP, retention: half })
    for (const id of [...left].slice(0, removed)) left.delete(id)
    assert.ok(removed > 0 && left.size > 0)
    await checkLeft('swept by half')
    await remove((n) => n % 3 === 1)
    for (const [n, { id }] of tasks.entries()) if (n % 3 === 1) left.delete(id)
    await checkLeft('deleted behind the sweep')
    await before.upkeep.sweep({ ...SWEEP, retention: { ...DEFAULT_RETENTION, finishedBytes: -1 } })
    left.clear()
    await checkLeft('swept')
    assert.equal(await bytes(), 0)
    assert.deepEqual(await redis.keys(`${key}index:*`), [])
  })
})

describe('defaults of types, beside a server of the version before', () => {
  it('are told of by beats, and so is each change, though that counts none', async (t) => {
    const { before, after } = await bothVersions(t)
    const beat = (nodeId: string) => ({ nodeId, workers: [], ttlMs: 5000 })
    const told = () => after.presence.beat(beat('after'))
    let last = await told()
    assert.equal(last.anyDefaults, false)
    for (const maxAttempts of [1, 2]) {
      const { declarations } = last
      const types = [{ type: 'mail', defaults: { maxAttempts } }]
      assert.equal(await before.taskTypes.declareTypes({ namespace, types, limit: 10 }), 'declared')
      while (last.declarations === declarations) {
        await before.presence.beat(beat('before'))
        last = await told()
      }
      assert.equal(last.anyDefaults, true)
    }
    assert.deepEqual(await told(), last)
  })
})

const SWEEP = { cancelGraceMs: 0, limit: 1000, jitter: 0 }

/** A store of this version, and the calls of a server of the version before on the same keys. */
async function bothVersions(t: TestContext) {
  const { url } = await sharedServer('redis')
  const prefix = freshPrefix()
  const key = `{${prefix}}:`
  const redis = new Redis(url)
  t.after(() => redis.disconnect())
  const none = () => {}
  const run = ({ name }: Script, args: readonly (string | number)[]) =>
    redis.eval(scriptText(name, readBefore), 1, `${key}meta`, ...args) as Promise<Reply>
  const before = facetsOf({ run, now: () => '', publishReady: none, hintReady: none, signature: () => '' })
  const after = await openTestStore(t, { url, prefix })
  /** Its calls are noticed with a beat at the latest. */
  const beats = async (claim: () => Promise<readonly LeasedTask[]>) => {
    for (;;) {
      const tasks = await claim()
      if (tasks.length > 0) return tasks
      await before.presence.beat({ nodeId: 'before', workers: [], ttlMs: 5000 })
    }
  }
  return { before, after, redis, key, beats }
}

/** Tasks of so many lanes in a paused queue that one step of a sweep does not place all; a server of the version before was noticed. */
async function heldBeside(t: TestContext) {
  const versions = await bothVersions(t)
  const { before, after, redis, key } = versions
  await after.queues.pause({ namespace, queue: 'held', paused: true })
  const held = Array.from({ length: 300 }, (_, n) => newTask({ queue: 'held', type: `t${n}` }))
  await submit(after, held)
  await before.presence.beat({ nodeId: 'before', workers: [], ttlMs: 5000 })
  assert.deepEqual(await after.tasks.claim(EVERY), [])
  return {
    ...versions,
    held,
    /** It does not read the time. */
    resume: () => before.queues.pause({ namespace, queue: 'held', paused: false }),
    /** By the store's clock. */
    passes: (ms: number) => redis.hincrby(`${key}meta`, 'skew', ms),
    sweep: () => after.upkeep.sweep({ ...SWEEP, retention: DEFAULT_RETENTION }),
    start: () => after.lifecycle.migrate(),
  }
}

async function enqueue({ tasks: port }: Pick<ReturnType<typeof facetsOf>, 'tasks'>, tasks: readonly NewTask[]) {
  const [outcome] = await port.enqueue({ submissions: [{ tasks }], queueDepth: 1000 })
  assert.equal(outcome?.kind, 'accepted')
}

/** A script of the version before, as it was. */
function readBefore(file: string): string {
  return readFileSync(new URL(`version-before/${file}`, import.meta.url), 'utf8')
}
