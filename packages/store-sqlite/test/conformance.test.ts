import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { describeTaskStore, type OpenStore } from '@taskyard/conformance'
import { openSqliteStore } from '@taskyard/store-sqlite'

const openStore: OpenStore = async ({ clock }) => {
  const folder = await mkdtemp(join(tmpdir(), 'taskyard-conformance-'))
  const open = () => openSqliteStore({ path: join(folder, 'store.db'), clock })
  let store = await open()
  return {
    store,
    async reopen() {
      await store.lifecycle.close()
      store = await open()
      return store
    },
    async destroy() {
      await store.lifecycle.close()
      await rm(folder, { recursive: true })
    },
  }
}

const runner = { describe, it }
const capabilities = { shared: false }

describeTaskStore({ name: 'sqlite', openStore, runner, capabilities })

describeTaskStore({
  name: 'sqlite behind an unreliable connection',
  openStore,
  runner,
  capabilities,
  faults: { seed: 1, slow: 0.05, refuse: 0.15, loseReply: 0.2 },
  runs: 20,
})
