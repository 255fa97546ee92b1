import assert from 'node:assert/strict'
import { EVERY_CALL } from '../every-call.ts'
import { eventually, onOwnServer, within } from '../real-time.ts'
import type { Suite } from '../suite.ts'
import { idsOf, succeeded, type TestBed } from '../test-bed.ts'
import { BACK_WITHIN_MS, isOutage, LONGEST_CALL_MS, throughOutages } from '../through-outages.ts'
import { everyTaskEndedOnce } from './outage.ts'
import { startLoad } from './outage-load.ts'

/** The server stands still with its connections open. Only for stores that are shared. */
export function describeSlowServer({ describe, itIn, capabilities }: Suite): void {
  if (!capabilities.shared) return

  describe('a server that stands still', () => {
    const it = (behaviour: string, test: (bed: TestBed) => Promise<void>) => itIn(onOwnServer, behaviour, test)

    it('for a moment loses nothing, and what is repeated is done once', async (bed) => {
      const held = await bed.start()
      const tasks = Array.from({ length: 40 }, () => bed.newTask())
      await bed.server.pause?.()
      const calls = tasks.map((task) => throughOutages('enqueue', () => bed.enqueue([[task]])))
      const settled = throughOutages('settle', () => bed.settle(held, succeeded()))
      await bed.clock.advance(1_000)
      await bed.server.resume?.()
      await Promise.all(calls)
      assert.equal((await settled).status, 'ok')
      assert.deepEqual(new Set(idsOf(await bed.listAll({ queue: 'default' }))), new Set(idsOf(tasks)))
      assert.equal((await bed.find(held.id)).status, 'succeeded')
    })

    it('under load loses no task that was accepted and ends none twice', async (bed) => {
      const load = startLoad([bed, await bed.openAnother()])
      for (let round = 0; round < 2; round++) {
        await load.goesOn()
        await bed.server.pause?.()
        await bed.clock.advance(700)
        await bed.server.resume?.()
      }
      await load.goesOn()
      await load.stop()
      await everyTaskEndedOnce(bed, load)
    })

    it('for long lets no call hang, and everything works again after it', async (bed) => {
      await bed.submit()
      await bed.server.pause?.()
      const calls = Object.entries(EVERY_CALL).map(([name, call]) =>
        within(LONGEST_CALL_MS, name, call(bed.store, bed)).catch((error: unknown) => {
          if (!isOutage(error)) throw error
        }),
      )
      const health = within(LONGEST_CALL_MS, 'health', bed.store.lifecycle.health())
      const results = await Promise.allSettled([...calls, health])
      await bed.server.resume?.()
      for (const result of results) if (result.status === 'rejected') throw result.reason
      assert.equal((await health).healthy, false)
      for (const [name, call] of Object.entries(EVERY_CALL)) {
        await eventually(`${name} works again`, BACK_WITHIN_MS, () => call(bed.store, bed).then(() => true))
      }
    })
  })
}
