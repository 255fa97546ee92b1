import type { OpenStore, StoreSetting } from '@taskyard/conformance'
import { type OpenedStore, typeDefaultsText } from '@taskyard/core'
import { openPostgresStore } from '@taskyard/store-postgres'
import { sharedServer, startServer } from '@taskyard/test-servers'
import { ownSchema, withParameter } from './own-schema.ts'

/** Where clients of a server connect. */
export interface Way {
  readonly url: string
  destroy(): Promise<void>
}

/** A store in a schema of its own, on the server of the test run or on one of its own. */
export const openStore = storeOpener(async (server) => ({ url: server, destroy: async () => {} }))

/** The same, with something between the store and its server. */
export function storeOpener(wayTo: (server: string) => Promise<Way>): OpenStore {
  return (setting) => openStoreThrough(wayTo, setting)
}

async function openStoreThrough(
  wayTo: Parameters<typeof storeOpener>[0],
  { clock, time = 'clock', ownServer = false }: StoreSetting,
): ReturnType<OpenStore> {
  const own = ownServer ? await startServer('postgres') : null
  const { url: server } = own ?? (await sharedServer('postgres'))
  const schema = await ownSchema(server)
  const way = await wayTo(server)
  const url = withParameter(way.url, 'schema', schema.schema)
  const opened: OpenedStore[] = []
  const open = async (of = clock) => {
    const store = await openPostgresStore({
      url,
      clock: of,
      ...(time === 'clock' ? { storeTime: () => clock.now() } : {}),
    })
    opened.push(store)
    return store
  }
  const first = await open()
  return {
    store: first,
    news: first.news,
    async reopen() {
      await opened.at(-1)?.lifecycle.close()
      return await open()
    },
    async openAnother(setting) {
      const other = await open(setting?.clock)
      await other.lifecycle.migrate()
      return other
    },
    async declareAsBefore(namespace, { type, defaults }) {
      const declare = `SELECT "${schema.schema}".declare_types($1, $2, $3, 1000)`
      await schema.query(declare, [namespace, [type], [typeDefaultsText(defaults)]])
    },
    ...(own === null
      ? {}
      : {
          server: {
            stop: () => own.kill(),
            start: () => own.start(),
            pause: () => own.pause(),
            resume: () => own.resume(),
          },
        }),
    async destroy() {
      for (const store of opened) await store.lifecycle.close()
      await way.destroy()
      await schema.destroy()
      await own?.destroy()
    },
  }
}
