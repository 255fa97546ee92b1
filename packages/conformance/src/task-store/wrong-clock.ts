import assert from 'node:assert/strict'
import { eventually, inRealTime, realClock } from '../real-time.ts'
import type { Suite } from '../suite.ts'
import { idsOf, type OtherProcess, only, succeeded, type TestBed } from '../test-bed.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** How far the clocks of a machine and of a server on it may be apart, slow calls included. */
const TOLERANCE_MS = 10_000

const EMBEDDED = { workerId: 'embedded', nodeId: 'node-1', session: false }

/** Clients whose clocks are a day off. Only for stores that are shared. */
export function describeWrongClock({ describe, itIn, capabilities }: Suite): void {
  if (!capabilities.shared) return

  describe('a wrong clock on a client', () => {
    const it = (behaviour: string, test: (bed: TestBed, ahead: OtherProcess, behind: OtherProcess) => Promise<void>) =>
      itIn(inRealTime, behaviour, async (bed) =>
        test(bed, await bed.openAnother(realClock(25 * HOUR)), await bed.openAnother(realClock(-25 * HOUR))),
      )

    it('does not show in the times of a task', async (bed, ahead, behind) => {
      for (const process of [ahead, behind]) {
        const task = await process.start()
        await process.settle(task, succeeded())
        const { createdAt, startedAt, finishedAt } = await bed.find(task.id)
        for (const time of [createdAt, startedAt, finishedAt]) isAbout(time, bed.clock.now())
        isAbout(task.lease.expiresAt, bed.clock.now() + 30_000)
      }
    })

    it('ends no lease early', async (bed, ahead, behind) => {
      const tasks = [await bed.start(), await ahead.start(), await behind.start()]
      assert.deepEqual((await ahead.sweep()).ended, [])
      for (const task of tasks) assert.equal(await behind.extend(task), 'ok')
      assert.deepEqual((await ahead.sweep()).ended, [])
      for (const task of tasks) assert.equal((await ahead.settle(task, succeeded())).status, 'ok')
    })

    it('lets every lease end in time', async (_bed, ahead, behind) => {
      const wanted = new Set<string>()
      for (const process of [ahead, behind]) wanted.add((await process.start({}, { leaseMs: 50 })).id)
      await eventually('the leases end', TOLERANCE_MS, async () => {
        for (const { taskId } of (await behind.sweep()).ended) wanted.delete(taskId)
        return wanted.size === 0
      })
    })

    it('hands out a delayed task neither early nor late', async (bed, ahead, behind) => {
      const soon = [await ahead.submit({ delayMs: 300 }), await behind.submit({ delayMs: 300 })]
      const late = [
        await ahead.submit({ delayMs: HOUR }),
        await behind.submit({ delayMs: HOUR }),
        await behind.submit({ runAt: bed.clock.now() + HOUR }),
      ]
      const claimed: string[] = []
      await eventually('the tasks fall due', TOLERANCE_MS, async () => {
        for (const process of [ahead, behind]) claimed.push(...idsOf(await process.claim()))
        return claimed.length >= soon.length
      })
      await ahead.sweep()
      claimed.push(...idsOf(await ahead.claim()))
      assert.deepEqual(claimed.sort(), soon.sort())
      for (const id of late) assert.equal((await ahead.find(id)).status, 'scheduled')
    })

    it('lets retention remove nothing early', async (bed, ahead, behind) => {
      const task = await behind.start()
      await behind.settle(task, succeeded())
      const retention = { succeededSeconds: 3600, failedSeconds: 3600, finishedBytes: 1_000_000 }
      assert.equal((await ahead.sweep({ retention })).removed, 0)
      await bed.find(task.id)
    })

    it('passes no deadline early', async (_bed, ahead, behind) => {
      const task = await behind.start({ timeoutSeconds: 3600 }, { leaseMs: 2 * HOUR })
      assert.deepEqual((await ahead.sweep()).ended, [])
      assert.equal((await ahead.settle(task, succeeded())).status, 'ok')
    })

    it('leaves an idempotency key in force', async (_bed, ahead, behind) => {
      const idempotency = { key: 'k', fingerprint: 'a' }
      const id = await behind.submit({ idempotency })
      await ahead.sweep()
      assert.equal(await ahead.submit({ idempotency }), id)
    })

    it('takes no living server process for dead, and no dead one for alive', async (bed, ahead, behind) => {
      await bed.start({}, { worker: EMBEDDED })
      await behind.store.presence.beat({ nodeId: 'node-1', workers: [], ttlMs: HOUR })
      assert.equal(only(await ahead.store.presence.holders({ namespace: null })).alive, true)
      await ahead.store.presence.beat({ nodeId: 'node-1', workers: [], ttlMs: 50 })
      await eventually(
        'the beat ends',
        TOLERANCE_MS,
        async () => !only(await behind.store.presence.holders({ namespace: null })).alive,
      )
    })

    it('names a time for the next sweep that is right for all', async (bed, ahead, behind) => {
      await behind.start({}, { leaseMs: HOUR })
      for (const process of [ahead, behind]) {
        const inMs = ((await process.sweep()).nextAt ?? Number.NaN) - bed.clock.now()
        assert.ok(inMs > -TOLERANCE_MS && inMs < HOUR + TOLERANCE_MS, `in ${inMs} ms`)
      }
    })
  })
}

function isAbout(time: number | null, expected: number): void {
  const off = (time ?? 0) - expected
  assert.ok(Math.abs(off) < TOLERANCE_MS, `${off} ms off, ${off / DAY} days`)
}
