import assert from 'node:assert/strict'
import { EVERY_CALL } from '../every-call.ts'
import { eventually, onOwnServer, within } from '../real-time.ts'
import { idsOf, type Scene, succeeded } from '../scene.ts'
import type { Suite } from '../suite.ts'
import { BACK_WITHIN_MS, isUnavailable, LONGEST_CALL_MS, throughOutages } from '../through-outages.ts'
import { changed, listenTo } from './news.ts'
import { type Load, startLoad } from './outage-load.ts'
import { listen } from './two-processes.ts'

/** Opening a store says soon that its server is down. */
const LONGEST_OPENING_MS = 10_000

export function describeOutage({ describe, itIn, capabilities }: Suite): void {
  if (!capabilities.shared) return

  describe('outage of the server', () => {
    const it = (behaviour: string, show: (scene: Scene) => Promise<void>) => itIn(onOwnServer, behaviour, show)

    it('ends every call in time and says that the store is unavailable, and the next call works', async (scene) => {
      await scene.submit()
      await scene.server.stop()
      await Promise.all(Object.entries(EVERY_CALL).map(([name, call]) => isUnavailable(name, call(scene.store, scene))))
      await scene.server.start()
      for (const [name, call] of Object.entries(EVERY_CALL)) {
        await eventually(`${name} works again`, BACK_WITHIN_MS, () => call(scene.store, scene).then(() => true))
      }
    })

    it('shows in the health of the store, and so does its end', async (scene) => {
      assert.equal((await scene.store.lifecycle.health()).healthy, true)
      await scene.server.stop()
      const { healthy, reason, code } = await within(LONGEST_CALL_MS, 'health', scene.store.lifecycle.health())
      assert.deepEqual({ healthy, code }, { healthy: false, code: 'store_unavailable' })
      assert.ok((reason ?? '') !== '')
      await scene.server.start()
      await eventually('healthy again', BACK_WITHIN_MS, async () => (await scene.store.lifecycle.health()).healthy)
    })

    it('lets no store be opened until it is over', async (scene) => {
      await scene.server.stop()
      await within(LONGEST_OPENING_MS, 'opening', isUnavailable('opening', scene.another()))
      await scene.server.start()
      const other = await throughOutages('opening', () => scene.another())
      assert.equal((await other.store.lifecycle.health()).healthy, true)
    })

    it('does not keep a store from closing', async (scene) => {
      await scene.server.stop()
      await within(LONGEST_CALL_MS, 'close', scene.store.lifecycle.close())
    })

    it('leaves every task, lease and pause as it was', async (scene) => {
      const held = await scene.start({}, { leaseMs: 600_000 })
      const done = await scene.start()
      await scene.settle(done, succeeded())
      const scheduled = await scene.submit({ delayMs: 600_000 })
      const [low, high] = [await scene.submit({ priority: -1 }), await scene.submit({ priority: 1 })]
      const paused = await scene.submit({ queue: 'paused' })
      await scene.store.queues.pause({ namespace: 'default', queue: 'paused', paused: true })
      const taskIds = [held.id, done.id, scheduled, low, high, paused]
      const before = await scene.store.reads.find({ namespace: 'default', taskIds })
      await restart(scene)
      assert.deepEqual(
        await throughOutages('find', () => scene.store.reads.find({ namespace: 'default', taskIds })),
        before,
      )
      assert.equal(await scene.extend(held, 600_000), 'ok')
      assert.equal((await scene.settle(held, succeeded())).status, 'ok')
      assert.deepEqual(idsOf(await scene.claim({ queues: ['default', 'paused'] })), [high, low])
      assert.equal((await scene.counts('paused')).paused, true)
    })

    it('ends no lease of a holder that could not extend it meanwhile, if it still has time', async (scene) => {
      const task = await scene.start({}, { leaseMs: 60_000 })
      await scene.server.stop()
      await isUnavailable('extend', scene.extend(task))
      await scene.server.start()
      assert.equal(await throughOutages('extend', () => scene.extend(task)), 'ok')
      assert.deepEqual((await scene.sweep()).ended, [])
      assert.equal((await scene.settle(task, succeeded())).status, 'ok')
    })

    it('does not keep a lease alive whose holder is gone', async (scene) => {
      const task = await scene.start({}, { leaseMs: 300 })
      await restart(scene)
      await eventually('the lease ends', BACK_WITHIN_MS, async () =>
        (await scene.sweep()).ended.some(({ taskId }) => taskId === task.id),
      )
      assert.equal((await scene.claimOne({ queues: [task.queue] })).id, task.id)
    })

    it('wakes everybody after it, for what they may have missed', async (scene) => {
      const other = await scene.another()
      const heard = [listen(scene), listen(other)]
      const allHave = () => heard.every((queues) => queues.has('known'))
      await scene.submit({ queue: 'known' })
      await eventually('the news of the submission arrives', BACK_WITHIN_MS, allHave)
      await scene.server.stop()
      for (const queues of heard) queues.clear()
      await scene.server.start()
      await eventually('all are woken', BACK_WITHIN_MS, allHave)
    })

    it('is told to those who listen for news, as they may have missed some', async (scene) => {
      const other = await scene.another()
      const heard = listenTo(other.news, { of: 'tasks' })
      await eventually('it is known that somebody listens', BACK_WITHIN_MS, () => scene.news.isHeard('running'))
      await restart(scene)
      const isTold = () => heard.some(({ kind }) => kind === 'missed')
      await eventually('the other process is told', BACK_WITHIN_MS, isTold)
    })

    it('does not make anybody deaf', async (scene) => {
      const other = await scene.another()
      const heard = listen(other)
      const messages = listenTo(other.news, { of: 'tasks' })
      await restart(scene)
      await eventually('the other process hears of new tasks and messages', BACK_WITHIN_MS, async () => {
        await scene.submit({ queue: 'after' })
        scene.news.publish(changed(scene))
        return heard.has('after') && messages.some(({ kind }) => kind === 'changed')
      })
    })

    it('shorter than a call costs nothing that was answered, and what is repeated is done once', async (scene) => {
      const tasks = Array.from({ length: 60 }, () => scene.newTask())
      const calls = tasks.map((task) => throughOutages('enqueue', () => scene.enqueue([[task]])))
      await restart(scene)
      await Promise.all(calls)
      assert.deepEqual(new Set(idsOf(await scene.listAll())), new Set(idsOf(tasks)))
      assert.equal((await scene.counts()).counts.queued, tasks.length)
    })

    it('under load, again and again, loses no task that was accepted and ends none twice', async (scene) => {
      const load = startLoad([scene, await scene.another()])
      for (let outage = 0; outage < 3; outage++) {
        await load.goesOn()
        await scene.server.stop()
        if (outage > 0) await scene.clock.advance(300)
        await scene.server.start()
      }
      await load.goesOn()
      await load.stop()
      await everyTaskEndedOnce(scene, load)
    })
  })
}

async function restart(scene: Scene): Promise<void> {
  await scene.server.stop()
  await scene.server.start()
}

/** Three looks: at the tasks themselves, at what their histories say, and at the sums. */
export async function everyTaskEndedOnce(scene: Scene, load: Load): Promise<void> {
  const accepted = [...load.accepted]
  for (let start = 0; start < accepted.length; start += PAGE) {
    const taskIds = accepted.slice(start, start + PAGE)
    const found = await scene.store.reads.find({ namespace: 'default', taskIds })
    const wrong = found.flatMap((task, n) => (task?.status === 'succeeded' ? [] : [`${taskIds[n]}: ${task?.status}`]))
    assert.deepEqual(wrong, [], `tasks lost or not ended, of ${accepted.length}`)
  }
  for (const id of accepted.slice(-PAGE)) {
    const endings = (await scene.events(id)).filter(({ kind }) => kind === 'succeeded')
    assert.equal(endings.length, 1, `task ${id} ended ${endings.length} times`)
  }
  assert.equal((await scene.listAll({ queue: 'default' })).length, accepted.length)
  assert.deepEqual(await scene.claim(), [])
  // A store without transactions may put its sums right with a sweep.
  const sums = { ...NONE, succeeded: accepted.length, finishedTotal: accepted.length }
  await eventually('the counts are right', BACK_WITHIN_MS, async () => {
    await scene.sweep()
    const { counts, finishedTotal } = await scene.counts()
    assert.deepEqual({ ...counts, finishedTotal }, sums)
    return true
  })
}

const PAGE = 500
const NONE = { queued: 0, scheduled: 0, blocked: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 }
