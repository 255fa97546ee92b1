import assert from 'node:assert/strict'
import { EVERY_CALL } from '../every-call.ts'
import { eventually, onOwnServer, within } from '../real-time.ts'
import { idsOf, type Scene, succeeded } from '../scene.ts'
import type { Suite } from '../suite.ts'
import { BACK_WITHIN_MS, isOutage, LONGEST_CALL_MS, throughOutages } from '../through-outages.ts'
import { everyTaskEndedOnce } from './outage.ts'
import { startLoad } from './outage-load.ts'

export function describeSlowServer({ describe, itIn, capabilities }: Suite): void {
  if (!capabilities.shared) return

  describe('a server that stands still', () => {
    const it = (behaviour: string, show: (scene: Scene) => Promise<void>) => itIn(onOwnServer, behaviour, show)

    it('for a moment loses nothing, and what is repeated is done once', async (scene) => {
      const held = await scene.start()
      const tasks = Array.from({ length: 40 }, () => scene.newTask())
      await scene.server.pause?.()
      const calls = tasks.map((task) => throughOutages('enqueue', () => scene.enqueue([[task]])))
      const settled = throughOutages('settle', () => scene.settle(held, succeeded()))
      await scene.clock.advance(1_000)
      await scene.server.resume?.()
      await Promise.all(calls)
      assert.equal((await settled).status, 'ok')
      assert.deepEqual(new Set(idsOf(await scene.listAll({ queue: 'default' }))), new Set(idsOf(tasks)))
      assert.equal((await scene.find(held.id)).status, 'succeeded')
    })

    it('under load loses no task that was accepted and ends none twice', async (scene) => {
      const load = startLoad([scene, await scene.another()])
      for (let round = 0; round < 2; round++) {
        await load.goesOn()
        await scene.server.pause?.()
        await scene.clock.advance(700)
        await scene.server.resume?.()
      }
      await load.goesOn()
      await load.stop()
      await everyTaskEndedOnce(scene, load)
    })

    it('for long lets no call hang, and everything works again after it', async (scene) => {
      await scene.submit()
      await scene.server.pause?.()
      const calls = Object.entries(EVERY_CALL).map(([name, call]) =>
        within(LONGEST_CALL_MS, name, call(scene.store, scene)).catch((error: unknown) => {
          if (!isOutage(error)) throw error
        }),
      )
      const health = within(LONGEST_CALL_MS, 'health', scene.store.lifecycle.health())
      const results = await Promise.allSettled([...calls, health])
      await scene.server.resume?.()
      for (const result of results) if (result.status === 'rejected') throw result.reason
      assert.equal((await health).healthy, false)
      for (const [name, call] of Object.entries(EVERY_CALL)) {
        await eventually(`${name} works again`, BACK_WITHIN_MS, () => call(scene.store, scene).then(() => true))
      }
    })
  })
}
