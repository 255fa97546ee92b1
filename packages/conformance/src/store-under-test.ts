import type { Clock, NewsPort, OpenedStore, TypeWithDefaults } from '@taskyard/core'

/** One fresh store, nobody else's: its own file, schema, key prefix or database. */
export interface StoreUnderTest {
  readonly store: OpenedStore
  /** News between processes; `null` where only one process can use the store. */
  readonly news?: NewsPort | null
  /** Closes the store and opens another one on the same data. */
  reopen(): Promise<OpenedStore>
  /** Closes every store and removes the data. */
  destroy(): Promise<void>
  /** Opens one more store on the same data, as another server process would. */
  openAnother?(setting?: { readonly clock?: Clock }): Promise<OpenedStore>
  /** Declares defaults of a type in a namespace as a server of the version before does. Left out: as one of this version. */
  declareAsBefore?(namespace: string, declared: TypeWithDefaults): Promise<void>
  /** The server behind the store, when the setting asked for one of its own. */
  readonly server?: ServerUnderTest
}

export interface ServerUnderTest {
  /** Abrupt, as a crash: connections break. */
  stop(): Promise<void>
  /** Starts it again with its data; resolves when it accepts connections. */
  start(): Promise<void>
  /** Freezes it: connections stay open and nobody answers, until `resume`. */
  pause?(): void | Promise<void>
  resume?(): void | Promise<void>
}

export interface StoreSetting {
  readonly clock: Clock
  /** Who tells the store's time. Default: `clock`. `server`: the real server, as in production; `clock` is the client's. */
  readonly time?: 'clock' | 'server'
  /** Puts the store on a server of its own, which the test stops and starts. */
  readonly ownServer?: boolean
}

export type OpenStore = (setting: StoreSetting) => Promise<StoreUnderTest>
