import { TaskyardError } from '@taskyard/core'
import type { Client } from './connection.ts'

/** What the server says of itself. Values that it does not tell are `null`. */
export interface ServerFacts {
  readonly info: ReadonlyMap<string, string>
  readonly version: string
  readonly isCluster: boolean
  readonly isReplica: boolean
  readonly appendOnly: boolean | null
  readonly appendFsync: string | null
  readonly maxmemoryPolicy: string | null
}

const CONFIG = ['appendonly', 'appendfsync', 'maxmemory-policy'] as const

/** Reads INFO and, where it is allowed, CONFIG: managed servers often forbid the latter. */
export async function readServerFacts(client: Client): Promise<ServerFacts> {
  const info = parseInfo(await client.info())
  const config = await readConfig(client, CONFIG)
  const isCluster = info.get('redis_mode') === 'cluster' || info.get('cluster_enabled') === '1'
  const aof = config.get('appendonly') ?? info.get('aof_enabled')
  return {
    info,
    version: info.get('valkey_version') ?? info.get('redis_version') ?? 'unknown',
    isCluster,
    // A node of a cluster leads to the others, whatever its role.
    isReplica: !isCluster && info.get('role') === 'slave',
    appendOnly: aof === undefined ? null : aof === 'yes' || aof === '1',
    appendFsync: config.get('appendfsync') ?? null,
    maxmemoryPolicy: config.get('maxmemory-policy') ?? info.get('maxmemory_policy') ?? null,
  }
}

/** Settings by name; those that the server does not have or will not tell are left out. */
export async function readConfig(client: Client, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const known = new Map<string, string>()
  for (const name of names) {
    const answer = await client.config('GET', name).catch(() => [])
    const [, value] = answer as string[]
    if (value !== undefined) known.set(name, value)
  }
  return known
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  const lines = text.split('\r\n').filter((line) => line.includes(':'))
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]))
}

/** Settings under which acknowledged tasks can vanish, in words; empty when there are none. */
export function unsafeSettings({ appendOnly, appendFsync, maxmemoryPolicy }: ServerFacts): readonly string[] {
  const reasons: string[] = []
  if (appendOnly !== true) reasons.push('Redis has no append-only file (appendonly yes)')
  else if (appendFsync === 'no')
    reasons.push('Redis leaves it to the system when to sync (appendfsync always or everysec)')
  if (maxmemoryPolicy !== 'noeviction') {
    reasons.push(`Redis evicts keys when its memory is full (maxmemory-policy ${maxmemoryPolicy}, not noeviction)`)
  }
  return reasons
}

/** @throws TaskyardError unsafe_durability */
export function assertSafe(facts: ServerFacts): void {
  const reasons = unsafeSettings(facts)
  if (reasons.length > 0) throw new TaskyardError('unsafe_durability', { reason: reasons.join('; ') })
}

/** What is promised when, for people. */
export function durabilityOf({ appendOnly, appendFsync, maxmemoryPolicy }: ServerFacts): string {
  if (maxmemoryPolicy !== 'noeviction') return 'unsafe: Redis may evict tasks when its memory is full'
  if (appendOnly !== true) return 'unsafe: Redis without AOF loses what came since its last snapshot'
  switch (appendFsync) {
    case 'always':
      return 'every commit synced to disk (Redis, AOF always)'
    case 'everysec':
      return 'Redis, AOF everysec: up to ~1 s of acknowledged tasks can be lost when the machine or redis-server dies'
    case 'no':
      return 'unsafe: Redis, AOF no: some 30 s of acknowledged tasks can be lost when the machine dies'
    default:
      return 'Redis, AOF; how often it is synced the server does not tell'
  }
}
