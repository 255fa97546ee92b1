import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createSimulatedClock, eventually, type StoreUnderTest, taskMaker } from '@taskyard/conformance'
import type { LeasedTask, NewTask } from '@taskyard/core'
import { type Database, openDatabase } from '../src/database.ts'
import { readPostgresUrl } from '../src/location.ts'
import { CLAIM } from './calls.ts'
import { openStore } from './store-opener.ts'

describe('a claim that waits in the process of the submission', () => {
  const clock = createSimulatedClock()
  const task = taskMaker(clock)
  let opened: StoreUnderTest
  let database: Database

  before(async () => {
    opened = await openStore({ clock })
    await opened.store.lifecycle.migrate()
    database = openDatabase(readPostgresUrl((opened.store.lifecycle.threadAccess().data as { url: string }).url))
  })

  after(async () => {
    await database.close()
    await opened.destroy()
  })

  const enqueue = (tasks: readonly NewTask[]) =>
    opened.store.tasks.enqueue({ submissions: [{ tasks }], queueDepth: 1_000_000 })

  /** What claims got that were made the moment that the store told of tasks. */
  const whileWaiting = async (act: () => Promise<unknown>): Promise<readonly LeasedTask[]> => {
    const claims: Promise<readonly LeasedTask[]>[] = []
    const stop = opened.store.wakeUps.subscribe(() => {
      claims.push(opened.store.tasks.claim({ ...CLAIM, queues: ['default', 'other'] }))
    })
    await act()
    stop()
    return (await Promise.all(claims)).flat()
  }

  it('has the tasks by the same commit', async () => {
    const one = task()
    const claimed = await whileWaiting(() => enqueue([one]))
    assert.deepEqual(
      claimed.map(({ id }) => id),
      [one.id],
    )
    const [row] = await database.run<[string, string]>(
      'SELECT t.xmin, l.xmin FROM @tasks t JOIN @leases l USING (id) WHERE id = $1',
      [one.id],
    )
    assert.equal(row?.[0], row?.[1])
  })

  it('does not get what is not due', async () => {
    assert.deepEqual(await whileWaiting(() => enqueue([task({ delayMs: 60_000 })])), [])
  })

  it('gets a task once whose submission is repeated, and that is answered', async () => {
    const one = task({ queue: 'other' })
    await enqueue([one])
    const claimed = await whileWaiting(async () => {
      const [outcome] = await enqueue([one])
      assert.equal(outcome?.kind, 'accepted')
    })
    assert.deepEqual(
      claimed.map(({ id }) => id),
      [one.id],
    )
  })

  it('goes by itself where the server refuses the submission', async () => {
    const [one, refused] = [task({ queue: 'other' }), task({ queue: 'other', priority: 1e9 })]
    await enqueue([one])
    const claimed = await whileWaiting(() => assert.rejects(enqueue([refused]), { code: 'internal' }))
    assert.deepEqual(
      claimed.map(({ id }) => id),
      [one.id],
    )
  })

  it('is not told that there is nothing when its connection breaks, and nobody knows', async () => {
    const [locked, broken] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const locking = database.transaction(async (run) => {
      await run('LOCK TABLE @tasks IN SHARE MODE')
      locked.resolve()
      await broken.promise
    })
    await locked.promise
    const outcome = { code: 'store_unavailable' }
    const claiming = assert.rejects(
      whileWaiting(() => assert.rejects(enqueue([task()]), outcome)),
      outcome,
    )
    await eventually('the submission is ended while it waits', 60_000, async () => {
      const [ended] = await database.run(
        `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND relation = '@tasks'::regclass`,
      )
      return ended !== undefined
    })
    broken.resolve()
    await Promise.all([claiming, locking])
  })
})
