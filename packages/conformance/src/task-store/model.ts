import { createUuidV7Generator } from '@taskyard/core/runtime'
import fc from 'fast-check'
import { storeCommands } from '../model/commands.ts'
import { createModel, type Real } from '../model/model.ts'
import { createSimulatedClock } from '../simulated-clock.ts'
import type { StoreUnderTest } from '../store-under-test.ts'
import type { Suite } from '../suite.ts'

/** Sequences of one test: it takes seconds, so that one that hangs is told from one that is slow. */
const RUNS_PER_TEST = 10
/** The same sequences in every run of the gate; a search draws its own. */
const FIRST_SEED = 1

/** Random sequences of calls, after each of which the store must be as the reference is. */
export function describeModel({ describe, it, open, runs, seed, capabilities }: Suite): void {
  describe('model', () => {
    for (let done = 0; done < runs; done += RUNS_PER_TEST) {
      const numRuns = Math.min(RUNS_PER_TEST, runs - done)
      const own = seed === 'random' ? {} : { seed: (seed ?? FIRST_SEED) + done }
      it(`behaves as the reference in ${numRuns} random sequences of calls, from the ${done + 1}.`, async () => {
        const nextId = createUuidV7Generator(createSimulatedClock())
        const property = fc.asyncProperty(storeCommands(nextId), async (commands) => {
          const clock = createSimulatedClock()
          const opened = await open({ clock })
          await opened.store.lifecycle.migrate()
          try {
            await fc.asyncModelRun(() => ({ model: createModel(clock, capabilities), real: realOf(opened) }), commands)
          } finally {
            await opened.destroy()
          }
        })
        await fc.assert(property, { numRuns, endOnFailure: false, ...own })
      })
    }
  })
}

function realOf(opened: StoreUnderTest): Real {
  return { store: opened.store, reopen: () => opened.reopen() }
}
