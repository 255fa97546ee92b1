import { createUuidV7Generator } from '@taskyard/core/runtime'
import fc from 'fast-check'
import { storeCommands } from '../model/commands.ts'
import { createModel, type Real } from '../model/model.ts'
import { createSimulatedClock } from '../simulated-clock.ts'
import type { StoreUnderTest, Suite } from '../suite.ts'

export function describeModel({ describe, it, open, runs, seed }: Suite): void {
  describe('model', () => {
    it(`behaves as the reference in ${runs} random sequences of calls`, async () => {
      const nextId = createUuidV7Generator(createSimulatedClock())
      const property = fc.asyncProperty(storeCommands(nextId), async (commands) => {
        const clock = createSimulatedClock()
        const opened = await open({ clock })
        await opened.store.migrate()
        try {
          await fc.asyncModelRun(() => ({ model: createModel(clock), real: realOf(opened) }), commands)
        } finally {
          await opened.destroy()
        }
      })
      await fc.assert(property, { numRuns: runs, endOnFailure: false, ...(seed === undefined ? {} : { seed }) })
    })
  })
}

function realOf(opened: StoreUnderTest): Real {
  return { store: opened.store, reopen: () => opened.reopen() }
}
