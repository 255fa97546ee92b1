import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  createReferenceStore,
  describeTaskStore,
  emptyReferenceState,
  type TestRunner,
  withOverrides,
} from '@taskyard/conformance'
import { CLAIM_BUGS } from './bugs/claim-bugs.ts'
import { NAMESPACE_BUGS } from './bugs/namespace-bugs.ts'
import { OTHER_BUGS } from './bugs/other-bugs.ts'
import type { Plant } from './bugs/plant.ts'
import { TASK_BUGS } from './bugs/task-bugs.ts'

// A suite is worth what it catches: each of these stores breaks one promise of the port, and the suite must say so.

const BUGS = { ...CLAIM_BUGS, ...TASK_BUGS, ...OTHER_BUGS, ...NAMESPACE_BUGS }

describe('the suite finds a store that', () => {
  for (const [bug, plant] of Object.entries(BUGS)) {
    it(bug, async () => {
      assert.notEqual(await firstFailure(plant), null)
    })
  }

  it('but nothing in the store without a bug', async () => {
    assert.equal(await firstFailure(() => ({})), null)
  })
})

/** The name of the first test that fails on a store with this bug; `null` when all pass. */
async function firstFailure(plant: Plant): Promise<string | null> {
  const tests: { name: string; run: () => Promise<void> }[] = []
  const runner: TestRunner = {
    describe: (_name, define) => define(),
    it: (name, run) => tests.push({ name, run }),
  }
  describeTaskStore({
    name: 'with a planted bug',
    runner,
    capabilities: { threadAccess: false, shared: false },
    runs: 30,
    seed: 42,
    async openStore({ clock }) {
      const state = emptyReferenceState()
      const open = () => {
        const store = createReferenceStore(clock, state)
        return withOverrides(store, plant(store, state, clock))
      }
      let store = open()
      return {
        store,
        async reopen() {
          await store.lifecycle.close()
          store = open()
          return store
        },
        destroy: () => store.lifecycle.close(),
      }
    },
  })
  for (const { name, run } of tests) {
    try {
      await run()
    } catch {
      return name
    }
  }
  return null
}
