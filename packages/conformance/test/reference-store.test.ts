import { describe, it } from 'node:test'
import { createReferenceStore, describeTaskStore, emptyReferenceState, type OpenStore } from '@taskyard/conformance'

// The reference is what other stores are compared with, so it must keep every promise of the port itself.

const openReference: OpenStore = async ({ clock }) => {
  const state = emptyReferenceState()
  let store = createReferenceStore(clock, state)
  return {
    store,
    async reopen() {
      await store.lifecycle.close()
      store = createReferenceStore(clock, state)
      return store
    },
    destroy: () => store.lifecycle.close(),
  }
}

const runner = { describe, it }
const capabilities = { threadAccess: false, shared: false }

describeTaskStore({ name: 'reference', openStore: openReference, runner, capabilities })

describeTaskStore({
  name: 'reference behind an unreliable connection',
  openStore: openReference,
  runner,
  capabilities,
  faults: { seed: 1, slow: 0.1, refuse: 0.15, loseReply: 0.2 },
})
