import { type Finding, finding } from '@taskyard/core'
import { type Client, connect } from './connection.ts'
import type { RedisStoreOptions } from './open-redis-store.ts'
import { toStoreError } from './redis-errors.ts'
import { parseRedisUrl } from './redis-url.ts'
import { readConfig, readServerFacts, type ServerFacts } from './server-facts.ts'

/**
 * What an operator should know about the store's server: version, durability, memory, slow scripts, replicas. Changes
 * nothing, and needs no store there.
 * @throws TaskyardError invalid_configuration, store_unavailable
 */
export async function inspectRedisStore(options: RedisStoreOptions): Promise<readonly Finding[]> {
  const address = parseRedisUrl(options.url, options.prefix)
  const client = await connect(address, options.clock)
  try {
    const facts = await readServerFacts(client)
    return [
      versionFinding(facts),
      durabilityFinding(facts),
      evictionFinding(facts),
      memoryFinding(facts),
      fragmentationFinding(facts),
      persistenceFinding(facts),
      await replicationFinding(client, facts),
      await latencyFinding(client),
      await slowScriptsFinding(client, `{${address.prefix}}:meta`),
    ]
  } catch (error) {
    throw toStoreError(error)
  } finally {
    client.disconnect()
  }
}

const MEBIBYTE = 1024 * 1024

function versionFinding({ version, info }: ServerFacts): Finding {
  const isValkey = info.has('valkey_version')
  const name = `${isValkey ? 'Valkey' : 'Redis'} ${version}`
  const [major] = version.split('.').map(Number)
  if (major === undefined || Number.isNaN(major) || major >= 7) return finding.ok('version', name)
  return finding.problem('version', `${name} is too old for Taskyard's scripts`, 'Use Redis 7 or later, or Valkey.')
}

function durabilityFinding({ appendOnly, appendFsync }: ServerFacts): Finding {
  if (appendOnly !== true) {
    return finding.problem('AOF', 'off: what came since the last snapshot is lost in a crash', 'Set appendonly yes.')
  }
  if (appendFsync === 'no') {
    return finding.problem('AOF', 'on, and synced when the system likes', 'Set appendfsync everysec or always.')
  }
  if (appendFsync === 'everysec') {
    return finding.ok('AOF', 'on, synced every second: up to ~1 s of acknowledged tasks can be lost in a crash')
  }
  return finding.ok(
    'AOF',
    appendFsync === null ? 'on; how often it is synced the server does not tell' : 'on, every commit synced',
  )
}

function evictionFinding({ maxmemoryPolicy }: ServerFacts): Finding {
  if (maxmemoryPolicy === 'noeviction') return finding.ok('eviction', 'none (noeviction)')
  const detail = `maxmemory-policy is ${maxmemoryPolicy ?? 'unknown'}: tasks may vanish when the memory is full`
  return finding.problem('eviction', detail, 'Set maxmemory-policy noeviction.')
}

function memoryFinding({ info }: ServerFacts): Finding {
  const used = Number(info.get('used_memory') ?? 0)
  const limit = Number(info.get('maxmemory') ?? 0)
  const shown = `${mebibytes(used)} used`
  if (limit === 0) {
    const advice =
      'Set maxmemory to about two thirds of the machine: then submissions are refused in time, not the server killed.'
    return finding.warning('memory', `${shown}, no limit (maxmemory 0)`, advice)
  }
  const share = used / limit
  const detail = `${shown} of ${mebibytes(limit)} (${Math.round(share * 100)} %)`
  const advice = 'Raise maxmemory, or lower TASKYARD_RETENTION_MEGABYTES.'
  if (share > 0.95) return finding.problem('memory', detail, advice)
  return share > 0.8 ? finding.warning('memory', detail, advice) : finding.ok('memory', detail)
}

function fragmentationFinding({ info }: ServerFacts): Finding {
  const ratio = Number(info.get('mem_fragmentation_ratio') ?? 1)
  const wasted = Number(info.get('mem_fragmentation_bytes') ?? 0)
  const detail = `ratio ${ratio.toFixed(2)}`
  if (ratio < 1.5 || wasted < 256 * MEBIBYTE) return finding.ok('fragmentation', detail)
  return finding.warning(
    'fragmentation',
    `${detail}, ${mebibytes(wasted)} lie idle`,
    'Set activedefrag yes, or restart the server.',
  )
}

const STATUSES = ['aof_last_write_status', 'aof_last_bgrewrite_status', 'rdb_last_bgsave_status'] as const

function persistenceFinding({ info }: ServerFacts): Finding {
  const broken = STATUSES.filter((name) => (info.get(name) ?? 'ok') !== 'ok')
  if (broken.length === 0) return finding.ok('persistence', 'last write, rewrite and snapshot went well')
  return finding.problem(
    'persistence',
    `${broken.join(', ')}: err`,
    "Look at the server's log; mostly its disk is full.",
  )
}

async function replicationFinding(client: Client, { info, isReplica }: ServerFacts): Promise<Finding> {
  if (isReplica)
    return finding.problem('replication', 'this is a replica: it takes no writes', 'Point the URL at the primary.')
  const replicas = Number(info.get('connected_slaves') ?? 0)
  if (replicas === 0) return finding.ok('replication', 'no replica: when the machine is lost, so is what its disk held')
  const config = await readConfig(client, ['min-replicas-to-write', 'min-slaves-to-write'])
  const least = Number(config.get('min-replicas-to-write') ?? config.get('min-slaves-to-write') ?? 0)
  const detail = `${replicas} replicas, min-replicas-to-write ${least}`
  if (least > 0) return finding.ok('replication', detail)
  const advice =
    'Set min-replicas-to-write 1, so that a primary cut off from its replicas stops taking tasks that a fail-over would lose.'
  return finding.warning('replication', detail, advice)
}

const PINGS = 5

async function latencyFinding(client: Client): Promise<Finding> {
  const times: number[] = []
  for (let ping = 0; ping < PINGS; ping++) {
    const from = performance.now()
    await client.ping()
    times.push(performance.now() - from)
  }
  const median = times.sort((one, other) => one - other)[Math.floor(PINGS / 2)] as number
  const detail = `${median.toFixed(1)} ms there and back`
  return median < 10
    ? finding.ok('latency', detail)
    : finding.warning('latency', detail, 'Run Taskyard nearer to its Redis.')
}

/** A script of ours that holds up the server for longer than this is worth a look. Milliseconds. */
const SLOW_MS = 50

type SlowLogEntry = readonly [id: number, at: number, micros: number, args: readonly string[]]

async function slowScriptsFinding(client: Client, metaKey: string): Promise<Finding> {
  const entries = (await client.slowlog('GET', 128).catch(() => null)) as readonly SlowLogEntry[] | null
  if (entries === null) return finding.ok('slow scripts', 'the server does not tell (SLOWLOG)')
  const ours = entries
    .filter(([, , , args]) => /^eval/i.test(args[0] ?? '') && args.includes(metaKey))
    .map(([, , micros]) => micros / 1000)
  const slowest = Math.max(0, ...ours)
  const detail =
    ours.length === 0 ? 'none in the log' : `${ours.length} in the log, the slowest took ${Math.round(slowest)} ms`
  if (slowest < SLOW_MS) return finding.ok('slow scripts', detail)
  return finding.warning(
    'slow scripts',
    detail,
    'Look for a busy machine, swapping, or very large batches and payloads.',
  )
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / MEBIBYTE)} MiB`
}
