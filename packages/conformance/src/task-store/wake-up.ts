import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import type { ReadyLane } from '@taskyard/core'
import { released, type Scene } from '../scene.ts'
import type { Suite } from '../suite.ts'

const LANE: ReadyLane = { namespace: 'default', queue: 'default', type: 'test' }
const PAUSE = { namespace: 'default', queue: 'default', paused: true }

export function describeWakeUp({ describe, it, capabilities }: Suite): void {
  if (!capabilities.wakesUp) return
  describe('wake-up', () => {
    it('tells which lane a new task is ready in', async (scene) => {
      await hears(scene, LANE, () => scene.submit())
    })

    it('tells of a task that is retried by hand', async (scene) => {
      const id = await scene.submit()
      await scene.cancel(id)
      await hears(scene, LANE, () => scene.retry(id))
    })

    it('tells of a task that is released', async (scene) => {
      const task = await scene.start({ queue: 'default' })
      await hears(scene, LANE, () => scene.settle(task, released))
    })

    it('tells of a task that falls due, with the sweep that was asked for', async (scene) => {
      await scene.submit({ delayMs: 1_000 })
      await scene.clock.advance(1_000)
      await hears(scene, LANE, () => scene.sweep())
    })

    it('tells of a task whose lease ended', async (scene) => {
      await scene.start({ queue: 'default' }, { leaseMs: 1_000 })
      await scene.clock.advance(1_000)
      await hears(scene, LANE, () => scene.sweep())
    })

    it('tells of a queue that is resumed', async (scene) => {
      await scene.store.queues.pause(PAUSE)
      await scene.submit()
      await hears(scene, LANE, () => scene.store.queues.pause({ ...PAUSE, paused: false }))
    })

    it('leaves nothing ready where a listener asks each time that it is told', async (scene) => {
      const got: string[] = []
      const asking: Promise<unknown>[] = []
      const stop = scene.store.wakeUps.subscribe(() => {
        asking.push(scene.claim().then((tasks) => got.push(...tasks.map(({ id }) => id))))
      })
      try {
        const alone = await Promise.all(Array.from({ length: 10 }, () => scene.submit()))
        const batch = Array.from({ length: 10 }, () => scene.newTask())
        await scene.enqueue([batch])
        for (let turn = 0; turn < LONGEST_WAIT_TURNS && got.length < 20; turn++) await setImmediate()
        await Promise.all(asking)
        assert.deepEqual(got.toSorted(), [...alone, ...batch.map(({ id }) => id)].toSorted())
      } finally {
        stop()
      }
    })

    it('tells every listener, and nobody who has stopped listening', async (scene) => {
      let heard = 0
      const stop = scene.store.wakeUps.subscribe(() => {
        heard += 1
      })
      stop()
      stop()
      await hears(scene, LANE, () => scene.submit())
      assert.equal(heard, 0)
    })
  })
}

const LONGEST_WAIT_TURNS = 10_000

/** The news may arrive after the reply of the call, so it is given some turns of the event loop. */
async function hears(scene: Scene, wanted: ReadyLane, act: () => Promise<unknown>): Promise<void> {
  const heard: ReadyLane[] = []
  const stop = scene.store.wakeUps.subscribe((lanes) => heard.push(...lanes))
  try {
    await act()
    for (let turn = 0; turn < LONGEST_WAIT_TURNS && !includes(heard, wanted); turn++) await setImmediate()
  } finally {
    stop()
  }
  assert.ok(includes(heard, wanted), `heard ${JSON.stringify(heard)}`)
}

function includes(lanes: readonly ReadyLane[], { namespace, queue, type }: ReadyLane): boolean {
  return lanes.some((lane) => lane.namespace === namespace && lane.queue === queue && lane.type === type)
}
