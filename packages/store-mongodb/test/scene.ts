import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import { DEFAULT_BACKOFF, type NewTask, type OpenedStore, toJsonText } from '@taskyard/core'
import { createUuidV7Generator, systemClock } from '@taskyard/core/runtime'
import { type MongoDbStoreOptions, openMongoDbStore } from '@taskyard/store-mongodb'
import { sharedServer } from '@taskyard/test-servers'
import { type Db, MongoClient } from 'mongodb'
import { type Deployment, readDeployment } from '../src/deployment.ts'

export { CLAIM } from '@taskyard/conformance'

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
  t.after(() => opened.store.close())
  await opened.store.migrate()
  return opened
}

export function newTask(overrides: Partial<NewTask> = {}): NewTask {
  return {
    id: newId(),
    namespace: 'default',
    queue: 'default',
    type: 'test',
    payload: toJsonText({ n: 1 }),
    priority: 0,
    runAt: null,
    delayMs: 0,
    maxAttempts: 3,
    backoff: DEFAULT_BACKOFF,
    timeoutSeconds: 60,
    tags: [],
    idempotency: null,
    ...overrides,
  }
}

export function submissions(...tasks: NewTask[]) {
  return { submissions: tasks.map((task) => ({ tasks: [task] })), queueDepth: 1_000_000 }
}
