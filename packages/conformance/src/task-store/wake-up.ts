import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import type { ReadyLane } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { released, type TestBed } from '../test-bed.ts'

const LANE: ReadyLane = { namespace: 'default', queue: 'default', type: 'test' }
const PAUSE = { namespace: 'default', queue: 'default', paused: true }

/** Listeners in the process that made tasks ready. Only for stores that wake up. */
export function describeWakeUp({ describe, it, capabilities }: Suite): void {
  if (!capabilities.wakesUp) return
  describe('wake-up', () => {
    it('tells which lane a new task is ready in', async (bed) => {
      await hears(bed, LANE, () => bed.submit())
    })

    it('tells of a task that is retried by hand', async (bed) => {
      const id = await bed.submit()
      await bed.cancel(id)
      await hears(bed, LANE, () => bed.retry(id))
    })

    it('tells of a task that is released', async (bed) => {
      const task = await bed.start({ queue: 'default' })
      await hears(bed, LANE, () => bed.settle(task, released))
    })

    it('tells of a task that falls due, with the sweep that was asked for', async (bed) => {
      await bed.submit({ delayMs: 1_000 })
      await bed.clock.advance(1_000)
      await hears(bed, LANE, () => bed.sweep())
    })

    it('tells of a task whose lease ended', async (bed) => {
      await bed.start({ queue: 'default' }, { leaseMs: 1_000 })
      await bed.clock.advance(1_000)
      await hears(bed, LANE, () => bed.sweep())
    })

    it('tells of a queue that is resumed', async (bed) => {
      await bed.store.queues.pause(PAUSE)
      await bed.submit()
      await hears(bed, LANE, () => bed.store.queues.pause({ ...PAUSE, paused: false }))
    })

    it('leaves nothing ready where a listener asks each time that it is told', async (bed) => {
      const got: string[] = []
      const asking: Promise<unknown>[] = []
      const stop = bed.store.wakeUps.subscribe(() => {
        asking.push(bed.claim().then((tasks) => got.push(...tasks.map(({ id }) => id))))
      })
      try {
        const alone = await Promise.all(Array.from({ length: 10 }, () => bed.submit()))
        const batch = Array.from({ length: 10 }, () => bed.newTask())
        await bed.enqueue([batch])
        for (let turn = 0; turn < LONGEST_WAIT_TURNS && got.length < 20; turn++) await setImmediate()
        await Promise.all(asking)
        assert.deepEqual(got.toSorted(), [...alone, ...batch.map(({ id }) => id)].toSorted())
      } finally {
        stop()
      }
    })

    it('tells every listener, and nobody who has stopped listening', async (bed) => {
      let heard = 0
      const stop = bed.store.wakeUps.subscribe(() => {
        heard += 1
      })
      stop()
      stop()
      await hears(bed, LANE, () => bed.submit())
      assert.equal(heard, 0)
    })
  })
}

const LONGEST_WAIT_TURNS = 10_000

/** The news may arrive after the reply of the call, so it is given some turns of the event loop. */
async function hears(bed: TestBed, wanted: ReadyLane, act: () => Promise<unknown>): Promise<void> {
  const heard: ReadyLane[] = []
  const stop = bed.store.wakeUps.subscribe((lanes) => heard.push(...lanes))
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
