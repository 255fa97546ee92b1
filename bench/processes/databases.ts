import { startServer } from '@taskyard/test-servers'
import { Redis } from 'ioredis'
import pg from 'pg'

/** A database server that everybody under measurement shares. */
export interface DatabaseServer {
  /** Version, and the settings that matter as the server itself tells them. */
  readonly conditions: readonly string[]
  /** Runs with an empty database of its own, on a server at rest, and drops it. */
  withDatabase<Result>(use: (url: string) => Promise<Result>): Promise<Result>
  /** Between filling a database and using it: statistics are fresh, and what was written is on disk. */
  settle(url: string): Promise<void>
  destroy(): Promise<void>
}

const postgresSettings = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '512MB',
  max_wal_size: '16GB',
  checkpoint_timeout: '30min',
  max_connections: '300',
} as const

/** What is not set above is as PostgreSQL ships, autovacuum too. */
export async function startPostgres(): Promise<DatabaseServer> {
  const server = await startServer('postgres', { settings: postgresSettings })
  const admin = new pg.Pool({ connectionString: server.url, max: 1 })
  let made = 0
  return {
    conditions: await postgresConditions(admin),
    async withDatabase(use) {
      const name = `bench_${++made}`
      await admin.query(`create database ${name}`)
      await admin.query('checkpoint')
      const url = new URL(server.url)
      url.pathname = `/${name}`
      try {
        return await use(url.href)
      } finally {
        await admin.query(`drop database ${name} with (force)`)
      }
    },
    async settle(url) {
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      await client.query('vacuum (analyze)')
      await client.query('checkpoint')
      await client.end()
    },
    async destroy() {
      await admin.end()
      await server.destroy()
    },
  }
}

async function postgresConditions(admin: pg.Pool): Promise<readonly string[]> {
  const names = ['server_version', ...Object.keys(postgresSettings), 'autovacuum', 'wal_sync_method']
  const { rows } = await admin.query<{ name: string; value: string }>(
    'select name, current_setting(name) as value from unnest($1::text[]) with ordinality as wanted(name, n) order by n',
    [names],
  )
  return [`PostgreSQL: ${rows.map(({ name, value }) => `${name} ${value}`).join(', ')}`]
}

/** A server is started for every use: none finds the memory and the log that another left. */
export async function startRedis(appendfsync: 'everysec' | 'always'): Promise<DatabaseServer> {
  const settings = { appendonly: 'yes', appendfsync }
  const start = () => startServer('redis', { settings })
  const probe = await start()
  const conditions = await redisConditions(probe.url)
  await probe.destroy()
  return {
    conditions,
    async withDatabase(use) {
      const server = await start()
      try {
        return await use(server.url)
      } finally {
        await server.destroy()
      }
    },
    async settle() {},
    async destroy() {},
  }
}

async function redisConditions(url: string): Promise<readonly string[]> {
  const redis = new Redis(url)
  const version = /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? 'unknown'
  const names = ['appendonly', 'appendfsync', 'auto-aof-rewrite-percentage', 'maxmemory-policy', 'save', 'io-threads']
  const values = await Promise.all(names.map(async (name) => ((await redis.config('GET', name)) as string[])[1]))
  await redis.quit()
  return [`Redis ${version}: ${names.map((name, n) => `${name} ${values[n] || '""'}`).join(', ')}`]
}
