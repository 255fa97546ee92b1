import { randomUUID } from 'node:crypto'
import { after, describe, it } from 'node:test'
import { describeTaskStore, type OpenStore } from '@taskyard/conformance'
import { type Clock, type OpenedStore, typeDefaultsText } from '@taskyard/core'
import { openMongoDbStore } from '@taskyard/store-mongodb'
import { sharedServer, startServer } from '@taskyard/test-servers'
import type { TypeDefaultsDocument } from '../src/documents.ts'
import { closeClients, databaseOf, dropDatabase, withDatabase } from './test-bed.ts'

/** Each test has a database of its own on the server of the run, or a whole server. */
const openStore: OpenStore = async ({ clock, time = 'clock', ownServer = false }) => {
  const own = ownServer ? await startServer('mongodb') : null
  const { url: server } = own ?? (await sharedServer('mongodb'))
  const url = withDatabase(server, `test-${randomUUID()}`)
  const opened = new Set<OpenedStore>()
  const open = async (ownClock: Clock = clock) => {
    const storeTime = time === 'clock' ? { storeTime: () => clock.now() } : {}
    const one = await openMongoDbStore({ url, clock: ownClock, allowUnsafeDurability: true, ...storeTime })
    opened.add(one)
    return one
  }
  let store = await open()
  const news = store.news
  return {
    store,
    news,
    async reopen() {
      await store.lifecycle.close()
      store = await open()
      return store
    },
    async declareAsBefore(namespace, { type, defaults }) {
      const types = databaseOf(url).collection<TypeDefaultsDocument>('types')
      await types.insertOne({ _id: namespace, revision: 1, types: [{ type, defaults: typeDefaultsText(defaults) }] })
    },
    async destroy() {
      await Promise.all([...opened].map((one) => one.lifecycle.close()))
      if (own === null) await dropDatabase(url)
      else await own.destroy()
    },
    openAnother: (setting) => open(setting?.clock),
    ...(own === null ? {} : { server: own }),
  }
}

const runner = { describe, it }

describeTaskStore({ name: 'mongodb', openStore, runner, runs: 8, fullQueue: 2_000 })

describeTaskStore({
  name: 'mongodb behind an unreliable connection',
  openStore,
  runner,
  faults: { seed: 1, slow: 0.05, refuse: 0.15, loseReply: 0.2 },
  runs: 3,
})

after(closeClients)
