import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createSimulatedClock, type StoreUnderTest, taskMaker } from '@taskyard/conformance'
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
    await opened.store.migrate()
    database = openDatabase(readPostgresUrl((opened.store.threadAccess().data as { url: string }).url))
  })

  after(async () => {
    await database.close()
    await opened.destroy()
  })

  const enqueue = (tasks: readonly NewTask[]) =>
    opened.store.enqueue({ submissions: [{ tasks }], queueDepth: 1_000_000 })

  /** What the first claim got, which was made the moment that the store told of tasks. */
  const whileWaiting = async (act: () => Promise<unknown>): Promise<readonly LeasedTask[]> => {
    let claimed: Promise<readonly LeasedTask[]> | null = null
    const stop = opened.store.onReady(() => {
      claimed ??= opened.store.claim({ ...CLAIM, queues: ['default', 'other'] })
    })
    await act()
    stop()
    return (await claimed) ?? []
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

  it('gets nothing of a submission that was made before, and the repeated one is answered', async () => {
    const one = task({ queue: 'other' })
    await enqueue([one])
    const again = await whileWaiting(async () => {
      const [outcome] = await enqueue([one])
      assert.equal(outcome?.kind, 'accepted')
    })
    assert.deepEqual(again, [])
  })
})
