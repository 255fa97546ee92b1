import { randomUUID } from 'node:crypto'
import { mock, type TestContext } from 'node:test'
import { taskMaker } from '@taskyard/conformance'
import type { OpenedStore } from '@taskyard/core'
import { createUuidV7Generator, systemClock } from '@taskyard/core/runtime'
import { type MongoDbStoreOptions, openMongoDbStore } from '@taskyard/store-mongodb'
import { sharedServer } from '@taskyard/test-servers'
import { Collection, type Db, MongoClient } from 'mongodb'
import { type Deployment, readDeployment } from '../src/deployment.ts'

export { CLAIM, submissions } from '@taskyard/conformance'

export const newId = createUuidV7Generator(systemClock)

interface ServerAndDatabase {
  /** The URL without a database. */
  readonly server: string
  readonly database: string
}

/** Of a URL with any number of hosts. Users are looked for in `admin`, as without a path. */
function split(url: string): ServerAndDatabase {
  const [, origin = '', database = '', query = ''] = /^(.+?:\/\/[^/?]+)(?:\/([^?]*))?(\?.*)?$/.exec(url) ?? []
  return { server: `${origin}/${query}`, database }
}

/** The server's URL with the database in its path. */
export function withDatabase(server: string, database: string): string {
  const hasUser = server.includes('@') && !server.includes('authSource=')
  return withParameter(split(server).server.replace(/\/(\?|$)/, `/${database}$1`), hasUser ? 'authSource=admin' : '')
}

/** The URL with one more parameter. */
export function withParameter(url: string, parameter: string): string {
  return parameter === '' ? url : `${url}${url.includes('?') ? '&' : '?'}${parameter}`
}

/** One connection per server for all that tests do behind the stores' backs. */
const clients = new Map<string, MongoClient>()

function clientOf(server: string): MongoClient {
  const client = clients.get(server) ?? new MongoClient(server)
  clients.set(server, client)
  return client
}

export function databaseOf(url: string): Db {
  const { server, database } = split(url)
  return clientOf(server).db(database)
}

/** What the server of the run is: FerretDB, unless TEST_MONGODB_URL names a MongoDB. */
export async function deploymentOfTests(): Promise<Deployment> {
  const { url } = await sharedServer('mongodb')
  return readDeployment(clientOf(split(url).server))
}

export async function dropDatabase(url: string): Promise<void> {
  await databaseOf(url).dropDatabase()
}

export async function closeClients(): Promise<void> {
  await Promise.all([...clients.values()].map((client) => client.close()))
}

/** The URL of a database of the test's own; it goes with the test. */
export async function freshUrl(t: TestContext): Promise<string> {
  const { url: server } = await sharedServer('mongodb')
  const url = withDatabase(server, `test-${randomUUID()}`)
  t.after(() => dropDatabase(url))
  return url
}

/** A migrated store that closes with its test. */
export async function openStore(t: TestContext, options: Partial<MongoDbStoreOptions> = {}): Promise<OpenedStore> {
  const url = options.url ?? (await freshUrl(t))
  const opened = await openMongoDbStore({ clock: systemClock, allowUnsafeDurability: true, ...options, url })
  t.after(() => opened.lifecycle.close())
  await opened.lifecycle.migrate()
  return opened
}

/** A task of its own id, made now. */
export const newTask = taskMaker(systemClock)

/** Something happens right before, or right after, the next bulk write of whichever store. */
export function aroundNextWrite(
  before: (() => Promise<unknown>) | null,
  afterwards: (() => Promise<unknown>) | null,
): void {
  const { bulkWrite } = Collection.prototype
  const write = mock.method(Collection.prototype, 'bulkWrite', async function (this: Collection, ...args: never[]) {
    write.mock.restore()
    await before?.()
    const written = await bulkWrite.apply(this, args as never)
    await afterwards?.()
    return written
  })
}
