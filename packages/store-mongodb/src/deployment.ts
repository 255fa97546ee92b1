import { TaskyardError } from '@taskyard/core'
import type { MongoClient } from 'mongodb'

/** What is behind the URL, as `hello` and `buildInfo` tell it. */
export interface Deployment {
  readonly kind: 'replica set' | 'sharded cluster' | 'standalone' | 'FerretDB'
  readonly version: string
  /** The name of the replica set. */
  readonly setName: string | null
  readonly changeStreams: boolean
  readonly isWritable: boolean
}

const OLDEST_VERSION = 6

/** Asks the server what it is. */
export async function readDeployment(client: MongoClient): Promise<Deployment> {
  const admin = client.db('admin')
  const [hello, build] = await Promise.all([admin.command({ hello: 1 }), admin.command({ buildInfo: 1 })])
  return deploymentFrom(hello, build)
}

type Reply = Readonly<Record<string, unknown>>

/** Of the answers to `hello` and `buildInfo`. A router (`mongos`) is a sharded cluster. */
export function deploymentFrom(hello: Reply, build: Reply): Deployment {
  const setName = typeof hello.setName === 'string' ? hello.setName : null
  const kind = kindOf(hello, build)
  return {
    kind,
    version:
      kind === 'FerretDB'
        ? String(build['ferretdbVersion'] ?? (build['ferretdb'] as Reply | undefined)?.['version'])
        : String(build.version),
    setName,
    changeStreams: kind === 'replica set' || kind === 'sharded cluster',
    isWritable: hello.isWritablePrimary === true,
  }
}

function kindOf(hello: Reply, build: Reply): Deployment['kind'] {
  if (build.ferretdbVersion !== undefined || build.ferretdb !== undefined) return 'FerretDB'
  if (hello.msg === 'isdbgrid') return 'sharded cluster'
  return hello.setName === undefined ? 'standalone' : 'replica set'
}

/** @throws TaskyardError invalid_configuration, store_read_only */
export function assertUsable({ kind, version, isWritable }: Deployment): void {
  if (kind !== 'FerretDB' && Number.parseInt(version, 10) < OLDEST_VERSION) {
    throw new TaskyardError('invalid_configuration', {
      reason: `the server is MongoDB ${version}; Taskyard needs ${OLDEST_VERSION}.0 or later`,
    })
  }
  if (!isWritable) {
    throw new TaskyardError('store_read_only', {
      reason: 'the server is a secondary; connect to the replica set (replicaSet=…), not to one member of it',
    })
  }
}

/** Why acknowledged tasks could be lost or run under two leases here; `null` when they cannot. */
export async function whyUnsafe(client: MongoClient, deployment: Deployment): Promise<string | null> {
  if (deployment.kind === 'FerretDB') {
    return `the server is FerretDB ${deployment.version}, which does not apply updates atomically: two workers can get one task`
  }
  const engine = await storageEngine(client)
  return engine === 'inMemory' ? 'the server keeps its data in memory only (storage engine inMemory)' : null
}

/** `null` when the user may not ask. */
async function storageEngine(client: MongoClient): Promise<string | null> {
  try {
    const status = await client.db('admin').command({ serverStatus: 1, metrics: 0, locks: 0, wiredTiger: 0, repl: 0 })
    return typeof status.storageEngine?.name === 'string' ? status.storageEngine.name : null
  } catch {
    return null
  }
}

/** The durability class, for people. */
export function durabilityOf({ kind, version, setName }: Deployment, unsafe: string | null): string {
  if (unsafe !== null) return `weakened: ${unsafe}`
  switch (kind) {
    case 'replica set':
      return `every write journaled by a majority of replica set ${setName} (MongoDB ${version}, w:majority, j:true)`
    case 'sharded cluster':
      return `every write journaled by a majority of its shard (MongoDB ${version}, w:majority, j:true)`
    case 'standalone':
      return `every write journaled by the one server there is (MongoDB ${version}, j:true); its disk is the only copy`
    case 'FerretDB':
      return `FerretDB ${version}: as durable as the database behind it; for tests`
  }
}
