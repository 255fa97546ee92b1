import assert from 'node:assert/strict'
import type { LeasedTask, PositionParams, ReadyLane } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { failed, released, succeeded, type TestBed } from '../test-bed.ts'

/** Where a task is in its lane, and which lanes have ready tasks. */
export function describePosition({ describe, it }: Suite): void {
  describe('position', () => {
    it('is how many tasks of the lane claims give out before it', async (bed) => {
      const ids: string[] = []
      for (const priority of [0, 0, 5, -5]) {
        ids.push(await bed.submit({ priority }))
        await bed.clock.advance(1)
      }
      assert.deepEqual(await positionsOf(bed, ids), [1, 2, 0, 3])
      const order: string[] = []
      for (const _ of ids) order.push((await bed.claimOne()).id)
      assert.deepEqual(order, [ids[2], ids[0], ids[1], ids[3]])
    })

    it('counts the tasks of a submission one by one, however they are kept', async (bed) => {
      const tasks = Array.from({ length: 300 }, () => bed.newTask())
      await bed.enqueue([tasks])
      const ids = tasks.map(({ id }) => id)
      assert.deepEqual(await positionsOf(bed, ids), [...ids.keys()])
      const taken = await bed.claim({ limit: 130 })
      assert.deepEqual(await positionsOf(bed, ids.slice(130)), [...ids.slice(130).keys()])
      await bed.settle(taken[0] as LeasedTask, released)
      assert.deepEqual(await positionsOf(bed, [ids[0] as string, ids[130] as string]), [0, 1])
    })

    it('does not count tasks of other types, queues and namespaces', async (bed) => {
      for (const other of [{ type: 'other' }, { queue: 'other' }, { namespace: 'other' }]) await bed.submit(other)
      const id = await bed.submit()
      assert.equal(await positionOf(bed, id), 0)
      assert.equal(await positionOf(bed, id, { namespace: 'other' }), null)
    })

    it('counts up to a bound', async (bed) => {
      await bed.enqueue([Array.from({ length: 150 }, () => bed.newTask({ priority: 1 }))])
      await bed.enqueue([Array.from({ length: 150 }, () => bed.newTask())])
      const id = await bed.submit({ priority: -1 })
      assert.equal(await positionOf(bed, id, { atMost: 1_000 }), 300)
      for (const atMost of [1, 7, 150, 151, 299, 300]) assert.equal(await positionOf(bed, id, { atMost }), atMost)
    })

    it('is that of ready tasks alone, in a paused queue too', async (bed) => {
      const id = await bed.submit({ delayMs: 1_000 })
      assert.equal(await positionOf(bed, id), null)
      await bed.clock.advance(1_000)
      assert.equal(await positionOf(bed, id), 0)
      await bed.store.queues.pause({ namespace: 'default', queue: 'default', paused: true })
      assert.equal(await positionOf(bed, id), 0)
      await bed.store.queues.pause({ namespace: 'default', queue: 'default', paused: false })
      const task = await bed.claimOne()
      assert.equal(await positionOf(bed, id), null)
      await bed.settle(task, failed({ retryDelayMs: 2_000 }))
      assert.equal(await positionOf(bed, id), null)
      await bed.clock.advance(2_000)
      assert.equal(await positionOf(bed, id), 0)
      await bed.settle(await bed.claimOne(), succeeded())
      assert.equal(await positionOf(bed, id), null)
      assert.equal(await positionOf(bed, bed.newTask().id), null)
      assert.equal(await positionOf(bed, 'no-id'), null)
    })
  })

  describe('ready lanes', () => {
    it('are those that have a ready task, of paused queues too', async (bed) => {
      const first = await bed.submit({ queue: 'a', type: 'x' })
      await bed.submit({ queue: 'a', type: 'y' })
      await bed.submit({ queue: 'b', type: 'y', delayMs: 1_000 })
      await bed.submit({ queue: 'b', type: 'x', namespace: 'other' })
      await bed.store.queues.pause({ namespace: 'default', queue: 'a', paused: true })
      assert.deepEqual(await readyLanes(bed), ['a x', 'a y'])
      await bed.cancel(first)
      await bed.clock.advance(1_000)
      assert.deepEqual(await readyLanes(bed), ['a y', 'b y'])
      await bed.claimOne({ queues: ['b'] })
      assert.deepEqual(await readyLanes(bed), ['a y'])
      assert.deepEqual(await readyLanes(bed, 'other'), ['b x'])
      assert.deepEqual(await readyLanes(bed, 'empty'), [])
    })

    it('are no more than are asked for', async (bed) => {
      const lanes = Array.from({ length: 60 }, (_, n) => ({ queue: `queue-${n % 30}`, type: `type-${n}` }))
      await bed.enqueue([lanes.map((lane) => bed.newTask(lane))])
      assert.equal((await readyLanes(bed)).length, 60)
      const some = await bed.store.reads.readyLanes({ namespace: 'default', limit: 7 })
      assert.equal(new Set(some.map(nameOf)).size, 7)
    })
  })
}

function positionOf({ store }: TestBed, taskId: string, overrides: Partial<PositionParams> = {}) {
  return store.reads.position({ namespace: 'default', taskId, atMost: 10_000, ...overrides })
}

async function positionsOf(bed: TestBed, ids: readonly string[]): Promise<readonly (number | null)[]> {
  const positions: (number | null)[] = []
  for (const id of ids) positions.push(await positionOf(bed, id))
  return positions
}

async function readyLanes({ store }: TestBed, namespace = 'default'): Promise<readonly string[]> {
  const lanes = await store.reads.readyLanes({ namespace, limit: 1_000 })
  for (const lane of lanes) assert.equal(lane.namespace, namespace)
  return lanes.map(nameOf).sort()
}

function nameOf({ queue, type }: ReadyLane): string {
  return `${queue} ${type}`
}
