import assert from 'node:assert/strict'
import { type JsonText, type LeasedTask, LIMITS, type NewTask } from '@taskyard/core'
import type { Suite } from '../suite.ts'
import { type Calls, failed, idsOf, released, succeeded, type TestBed } from '../test-bed.ts'

const QUEUES = 90
const ROUNDS = 25
const TYPES = ['a', 'b', 'c'] as const
const EVERY = { queues: null } as const

/** Claims of every queue while much else happens in many queues. */
export function describeManyQueues({ describe, it, capabilities }: Suite): void {
  describe('claims of every queue among many', () => {
    it('give what is first of all queues, whatever was claimed, put back, cancelled, retried or paused before', async (bed) => {
      const random = numbers(7)
      const yard = new Yard()
      for (let round = 0; round < ROUNDS; round++) {
        await fill(bed, yard, random)
        await disturb(bed, yard, random)
        const types = random(3) === 0 ? null : TYPES.slice(random(3))
        const limit = 1 + random(random(2) === 0 ? 3 : 40)
        const tasks = await bed.claim({ ...EVERY, types, limit })
        yard.assertFirst(tasks, { types, queues: null, limit })
        await end(bed, yard, tasks, random)
      }
      for (const queue of [...yard.paused]) await pause(bed, yard, queue, false)
      yard.assertFirst(await bed.claim({ ...EVERY, limit: 1000 }), { types: null, queues: null, limit: 1000 })
      assert.deepEqual(await bed.claim(EVERY), [])
    })

    it('find what is new behind queues that were emptied by name', async (bed) => {
      const names = Array.from({ length: QUEUES }, (_, n) => `queue-${n}`)
      await bed.enqueue([names.map((queue) => bed.newTask({ queue }))])
      const first = await bed.claimOne(EVERY)
      assert.equal((await bed.claim({ queues: names, limit: 1000 })).length, QUEUES - 1)
      assert.deepEqual(await bed.claim(EVERY), [])
      const id = await bed.submit({ queue: 'queue-50' })
      assert.equal((await bed.claimOne(EVERY)).id, id)
      await bed.settle(first, released)
      assert.equal((await bed.claimOne(EVERY)).id, first.id)
    })

    it('find what waits behind a paused queue with many tasks', async (bed) => {
      const pause = { namespace: 'default', queue: 'held', paused: true }
      await bed.store.queues.pause(pause)
      for (let n = 0; n < 150; n++) await bed.submit({ queue: 'held', priority: 9 })
      const ids = [await bed.submit({ queue: 'open' }), await bed.submit({ queue: 'held' })]
      assert.deepEqual(idsOf(await bed.claim(EVERY)), ids.slice(0, 1))
      await bed.store.queues.pause({ ...pause, paused: false })
      assert.equal((await bed.claim({ ...EVERY, limit: 1000 })).length, 151)
    })

    it('leave what an answer has no room for to the next claims', async (bed) => {
      const payload = `"${'x'.repeat(LIMITS.claimBytes / 2)}"` as JsonText
      const ids: string[] = []
      for (const queue of ['a', 'b', 'c', 'd', 'e']) ids.push(await bed.submit({ queue, payload }))
      for (const at of [0, 2, 4]) assert.deepEqual(idsOf(await bed.claim(EVERY)), ids.slice(at, at + 2))
    })

    if (!capabilities.shared) return

    it('share what is in them with another process: no task twice, and none is left', async (bed) => {
      const processes = [bed, await bed.openAnother()]
      const tasks = Array.from({ length: 600 }, (_, n) =>
        bed.newTask({ queue: `queue-${n % QUEUES}`, priority: n % 3 }),
      )
      for (let at = 0; at < tasks.length; at += 100) await bed.enqueue([tasks.slice(at, at + 100)])
      const claimed = await Promise.all(processes.flatMap((one) => [drain(one, 7), drain(one, 1), sendAndDrain(one)]))
      assert.equal(claimed.flat().length, 660)
      assert.equal(new Set(claimed.flat()).size, 660)
    })
  })
}

interface Waiting {
  readonly task: NewTask
  readonly readyAt: number
}

interface Wanted {
  readonly types: readonly string[] | null
  readonly queues: readonly string[] | null
  readonly limit: number
}

/** What waits, and which queues are paused, by what the calls have done. */
class Yard {
  readonly paused = new Set<string>()
  readonly #waiting = new Map<string, Waiting>()

  put(task: NewTask, readyAt: number): void {
    this.#waiting.set(task.id, { task, readyAt })
  }

  take(id: string): void {
    this.#waiting.delete(id)
  }

  first({ types, queues, limit }: Wanted): readonly Waiting[] {
    const fits = ({ type, queue }: NewTask) =>
      (types?.includes(type) ?? true) && (queues?.includes(queue) ?? true) && !this.paused.has(queue)
    return [...this.#waiting.values()]
      .filter(({ task }) => fits(task))
      .sort((a, b) => b.task.priority - a.task.priority || a.readyAt - b.readyAt)
      .slice(0, limit)
  }

  /** Of tasks that became ready in the same millisecond any may come first. */
  assertFirst(tasks: readonly LeasedTask[], wanted: Wanted): void {
    const place = ({ task, readyAt }: Waiting) => ({ priority: task.priority, readyAt })
    const claimed = tasks.map(({ id }) => this.#waiting.get(id) as Waiting)
    assert.deepEqual(claimed.map(place), this.first(wanted).map(place))
    const fitting = new Set(this.first({ ...wanted, limit: Number.POSITIVE_INFINITY }))
    assert.ok(claimed.every((one) => fitting.has(one)))
    assert.equal(new Set(claimed).size, claimed.length)
  }
}

type Numbers = (below: number) => number

/** The same numbers in each run, after Park and Miller. */
function numbers(seed: number): Numbers {
  let last = seed
  return (below) => {
    last = (last * 48_271) % 2_147_483_647
    return last % below
  }
}

async function fill(bed: TestBed, yard: Yard, random: Numbers): Promise<void> {
  const tasks = Array.from({ length: 1 + random(25) }, () =>
    bed.newTask({
      queue: `queue-${random(QUEUES)}`,
      type: TYPES[random(3)] as string,
      priority: random(3) - 1,
      delayMs: random(6) === 0 ? 2 : 0,
    }),
  )
  await bed.enqueue([tasks])
  const now = bed.clock.now()
  for (const task of tasks) yard.put(task, now + task.delayMs)
  await bed.clock.advance(3)
}

async function disturb(bed: TestBed, yard: Yard, random: Numbers): Promise<void> {
  if (random(2) === 0) await pause(bed, yard, `queue-${random(QUEUES)}`, true)
  const [longest] = yard.paused
  if (longest !== undefined && random(3) === 0) await pause(bed, yard, longest, false)
  const one = yard.first({ types: null, queues: null, limit: 20 })[random(20)]?.task
  if (one !== undefined && random(2) === 0) await cancelAndRetry(bed, yard, one, random(2) === 0)
  const queues = Array.from({ length: random(12) + 1 }, () => `queue-${random(QUEUES)}`)
  const tasks = await bed.claim({ queues, limit: 5 })
  yard.assertFirst(tasks, { types: null, queues, limit: 5 })
  await end(bed, yard, tasks, random)
}

async function cancelAndRetry(bed: TestBed, yard: Yard, task: NewTask, isRetried: boolean): Promise<void> {
  await bed.cancel(task.id)
  yard.take(task.id)
  if (!isRetried) return
  await bed.clock.advance(1)
  await bed.retry(task.id)
  yard.put(task, bed.clock.now())
  await bed.clock.advance(1)
}

async function pause(bed: TestBed, yard: Yard, queue: string, paused: boolean): Promise<void> {
  await bed.store.queues.pause({ namespace: 'default', queue, paused })
  if (paused) yard.paused.add(queue)
  else yard.paused.delete(queue)
}

async function end(bed: TestBed, yard: Yard, tasks: readonly LeasedTask[], random: Numbers): Promise<void> {
  for (const task of tasks) {
    yard.take(task.id)
    const how = random(4)
    if (how === 0) {
      await bed.settle(task, released)
      yard.put(asNew(bed, task), task.runAt)
    } else if (how === 1) {
      await bed.clock.advance(1)
      await bed.settle(task, failed({ retryDelayMs: 0 }))
      yard.put(asNew(bed, task), bed.clock.now())
      await bed.clock.advance(1)
    } else await bed.settle(task, succeeded())
  }
}

function asNew(bed: TestBed, { id, queue, type, priority }: LeasedTask): NewTask {
  return bed.newTask({ id, queue, type, priority })
}

async function drain(process: Calls, limit: number): Promise<string[]> {
  const ids: string[] = []
  for (;;) {
    const tasks = await process.claim({ ...EVERY, limit })
    if (tasks.length === 0) return ids
    ids.push(...idsOf(tasks))
  }
}

async function sendAndDrain(process: Calls): Promise<string[]> {
  for (let n = 0; n < 30; n++) await process.submit({ queue: `queue-${n % 4}` })
  return drain(process, 50)
}
