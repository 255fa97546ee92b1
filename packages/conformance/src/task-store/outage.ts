import assert from 'node:assert/strict'
import { EVERY_CALL } from '../every-call.ts'
import { eventually, onOwnServer, within } from '../real-time.ts'
import type { Suite } from '../suite.ts'
import { idsOf, succeeded, type TestBed } from '../test-bed.ts'
import { BACK_WITHIN_MS, isUnavailable, LONGEST_CALL_MS, throughOutages } from '../through-outages.ts'
import { changed, listenTo } from './news.ts'
import { type Load, startLoad } from './outage-load.ts'
import { listen } from './two-processes.ts'

/** Opening a store says soon that its server is down. */
const LONGEST_OPENING_MS = 10_000

/** The server stops and starts again, without load and with. Only for stores that are shared. */
export function describeOutage({ describe, itIn, capabilities }: Suite): void {
  if (!capabilities.shared) return

  describe('outage of the server', () => {
    const it = (behaviour: string, test: (bed: TestBed) => Promise<void>) => itIn(onOwnServer, behaviour, test)

    it('ends every call in time and says that the store is unavailable, and the next call works', async (bed) => {
      await bed.submit()
      await bed.server.stop()
      await Promise.all(Object.entries(EVERY_CALL).map(([name, call]) => isUnavailable(name, call(bed.store, bed))))
      await bed.server.start()
      for (const [name, call] of Object.entries(EVERY_CALL)) {
        await eventually(`${name} works again`, BACK_WITHIN_MS, () => call(bed.store, bed).then(() => true))
      }
    })

    it('shows in the health of the store, and so does its end', async (bed) => {
      assert.equal((await bed.store.lifecycle.health()).healthy, true)
      await bed.server.stop()
      const { healthy, reason, code } = await within(LONGEST_CALL_MS, 'health', bed.store.lifecycle.health())
      assert.deepEqual({ healthy, code }, { healthy: false, code: 'store_unavailable' })
      assert.ok((reason ?? '') !== '')
      await bed.server.start()
      await eventually('healthy again', BACK_WITHIN_MS, async () => (await bed.store.lifecycle.health()).healthy)
    })

    it('lets no store be opened until it is over', async (bed) => {
      await bed.server.stop()
      await within(LONGEST_OPENING_MS, 'opening', isUnavailable('opening', bed.openAnother()))
      await bed.server.start()
      const other = await throughOutages('opening', () => bed.openAnother())
      assert.equal((await other.store.lifecycle.health()).healthy, true)
    })

    it('does not keep a store from closing', async (bed) => {
      await bed.server.stop()
      await within(LONGEST_CALL_MS, 'close', bed.store.lifecycle.close())
    })

    it('leaves every task, lease and pause as it was', async (bed) => {
      const held = await bed.start({}, { leaseMs: 600_000 })
      const done = await bed.start()
      await bed.settle(done, succeeded())
      const scheduled = await bed.submit({ delayMs: 600_000 })
      const [low, high] = [await bed.submit({ priority: -1 }), await bed.submit({ priority: 1 })]
      const paused = await bed.submit({ queue: 'paused' })
      await bed.store.queues.pause({ namespace: 'default', queue: 'paused', paused: true })
      const taskIds = [held.id, done.id, scheduled, low, high, paused]
      const before = await bed.store.reads.find({ namespace: 'default', taskIds })
      await restart(bed)
      assert.deepEqual(
        await throughOutages('find', () => bed.store.reads.find({ namespace: 'default', taskIds })),
        before,
      )
      assert.equal(await bed.extend(held, 600_000), 'ok')
      assert.equal((await bed.settle(held, succeeded())).status, 'ok')
      assert.deepEqual(idsOf(await bed.claim({ queues: ['default', 'paused'] })), [high, low])
      assert.equal((await bed.counts('paused')).paused, true)
    })

    it('ends no lease of a holder that could not extend it meanwhile, if it still has time', async (bed) => {
      const task = await bed.start({}, { leaseMs: 60_000 })
      await bed.server.stop()
      await isUnavailable('extend', bed.extend(task))
      await bed.server.start()
      assert.equal(await throughOutages('extend', () => bed.extend(task)), 'ok')
      assert.deepEqual((await bed.sweep()).ended, [])
      assert.equal((await bed.settle(task, succeeded())).status, 'ok')
    })

    it('does not keep a lease alive whose holder is gone', async (bed) => {
      const task = await bed.start({}, { leaseMs: 300 })
      await restart(bed)
      await eventually('the lease ends', BACK_WITHIN_MS, async () =>
        (await bed.sweep()).ended.some(({ taskId }) => taskId === task.id),
      )
      assert.equal((await bed.claimOne({ queues: [task.queue] })).id, task.id)
    })

    it('wakes everybody after it, for what they may have missed', async (bed) => {
      const other = await bed.openAnother()
      const heard = [listen(bed), listen(other)]
      const allHave = () => heard.every((queues) => queues.has('known'))
      await bed.submit({ queue: 'known' })
      await eventually('the news of the submission arrives', BACK_WITHIN_MS, allHave)
      await bed.server.stop()
      for (const queues of heard) queues.clear()
      await bed.server.start()
      await eventually('all are woken', BACK_WITHIN_MS, allHave)
    })

    it('is told to those who listen for news, as they may have missed some', async (bed) => {
      const other = await bed.openAnother()
      const heard = listenTo(other.news, { of: 'tasks' })
      await eventually('it is known that somebody listens', BACK_WITHIN_MS, () => bed.news.isHeard('running'))
      await restart(bed)
      const isTold = () => heard.some(({ kind }) => kind === 'missed')
      await eventually('the other process is told', BACK_WITHIN_MS, isTold)
    })

    it('does not make anybody deaf', async (bed) => {
      const other = await bed.openAnother()
      const heard = listen(other)
      const messages = listenTo(other.news, { of: 'tasks' })
      await restart(bed)
      await eventually('the other process hears of new tasks and messages', BACK_WITHIN_MS, async () => {
        await bed.submit({ queue: 'after' })
        bed.news.publish(changed(bed))
        return heard.has('after') && messages.some(({ kind }) => kind === 'changed')
      })
    })

    it('shorter than a call costs nothing that was answered, and what is repeated is done once', async (bed) => {
      const tasks = Array.from({ length: 60 }, () => bed.newTask())
      const calls = tasks.map((task) => throughOutages('enqueue', () => bed.enqueue([[task]])))
      await restart(bed)
      await Promise.all(calls)
      assert.deepEqual(new Set(idsOf(await bed.listAll())), new Set(idsOf(tasks)))
      assert.equal((await bed.counts()).counts.queued, tasks.length)
    })

    it('under load, again and again, loses no task that was accepted and ends none twice', async (bed) => {
      const load = startLoad([bed, await bed.openAnother()])
      for (let outage = 0; outage < 3; outage++) {
        await load.goesOn()
        await bed.server.stop()
        if (outage > 0) await bed.clock.advance(300)
        await bed.server.start()
      }
      await load.goesOn()
      await load.stop()
      await everyTaskEndedOnce(bed, load)
    })
  })
}

async function restart(bed: TestBed): Promise<void> {
  await bed.server.stop()
  await bed.server.start()
}

/** Three looks: at the tasks themselves, at what their histories say, and at the sums. */
export async function everyTaskEndedOnce(bed: TestBed, load: Load): Promise<void> {
  const accepted = [...load.accepted]
  for (let start = 0; start < accepted.length; start += PAGE) {
    const taskIds = accepted.slice(start, start + PAGE)
    const found = await bed.store.reads.find({ namespace: 'default', taskIds })
    const wrong = found.flatMap((task, n) => (task?.status === 'succeeded' ? [] : [`${taskIds[n]}: ${task?.status}`]))
    assert.deepEqual(wrong, [], `tasks lost or not ended, of ${accepted.length}`)
  }
  for (const id of accepted.slice(-PAGE)) {
    const endings = (await bed.events(id)).filter(({ kind }) => kind === 'succeeded')
    assert.equal(endings.length, 1, `task ${id} ended ${endings.length} times`)
  }
  assert.equal((await bed.listAll({ queue: 'default' })).length, accepted.length)
  assert.deepEqual(await bed.claim(), [])
  // A store without transactions may put its sums right with a sweep.
  const sums = { ...NONE, succeeded: accepted.length, finishedTotal: accepted.length }
  await eventually('the counts are right', BACK_WITHIN_MS, async () => {
    await bed.sweep()
    const { counts, finishedTotal } = await bed.counts()
    assert.deepEqual({ ...counts, finishedTotal }, sums)
    return true
  })
}

const PAGE = 500
const NONE = { queued: 0, scheduled: 0, blocked: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 }
