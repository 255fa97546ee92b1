import type { Clock, Finding, OpenedStore, Random } from '@taskyard/core'
import type { ServerStoreLocation, StoreLocation } from './configuration/store-location.ts'

export interface StoreOptions {
  readonly clock: Clock
  readonly random: Random
  /** Opens a store whose settings may lose acknowledged tasks, too. */
  readonly allowUnsafeDurability: boolean
  /** Opens a SQLite file that was copied without its log. Default: it is refused. */
  readonly acceptLostLog?: boolean
}

type ServerStoreOptions = StoreOptions & { readonly url: string }

/** What the package of a store on a server offers. */
interface ServerStorePackage {
  open(options: ServerStoreOptions): Promise<OpenedStore>
  inspect(options: ServerStoreOptions): Promise<readonly Finding[]>
}

/**
 * Opens the store of a location. Its driver is loaded only now.
 * @throws TaskyardError store_locked, store_corrupt, store_read_only, store_unavailable, unsafe_durability,
 * invalid_configuration
 */
export async function openStore(location: StoreLocation, options: StoreOptions): Promise<OpenedStore> {
  if (location.kind !== 'sqlite') return (await load(location.kind)).open({ ...options, url: location.url })
  const { openSqliteStore } = await import('@taskyard/store-sqlite')
  return openSqliteStore({ path: location.path, clock: options.clock, acceptLostLog: options.acceptLostLog ?? false })
}

/**
 * What an operator should know about a store's server. Changes nothing.
 * @throws TaskyardError store_unavailable, invalid_configuration
 */
export async function inspectStore(location: ServerStoreLocation, options: StoreOptions): Promise<readonly Finding[]> {
  return (await load(location.kind)).inspect({ ...options, url: location.url })
}

const PACKAGES: Readonly<Record<ServerStoreLocation['kind'], () => Promise<ServerStorePackage>>> = {
  async postgres() {
    const { openPostgresStore, inspectPostgresStore } = await import('@taskyard/store-postgres')
    return { open: openPostgresStore, inspect: inspectPostgresStore }
  },
  async redis() {
    const { openRedisStore, inspectRedisStore } = await import('@taskyard/store-redis')
    return { open: openRedisStore, inspect: inspectRedisStore }
  },
  async mongodb() {
    const { openMongoDbStore, inspectMongoDbStore } = await import('@taskyard/store-mongodb')
    return { open: openMongoDbStore, inspect: inspectMongoDbStore }
  },
}

function load(kind: ServerStoreLocation['kind']): Promise<ServerStorePackage> {
  return PACKAGES[kind]()
}
