import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { ask } from './ask.ts'
import { debianPackages } from './debian-packages.ts'
import type { Recipe } from './recipe.ts'
import { runRecipe } from './run-recipe.ts'
import type { TestServer } from './test-server.ts'
import { unprivilegedUser } from './unprivileged-user.ts'

/** How a TLS connection is asked for; answered before anything else, with N or S. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])

/**
 * Starts a PgBouncer in transaction mode before a server: few connections to the server, which its clients take turns
 * on, a transaction each.
 * @throws with instructions when it is not on this machine and cannot be fetched
 */
export async function startPgbouncer(postgresUrl: string): Promise<TestServer> {
  return runRecipe('pgbouncer', await pgbouncerRecipe(new URL(postgresUrl)), {})
}

async function pgbouncerRecipe(server: URL): Promise<Recipe> {
  const { command, env } = await pgbouncerBinary()
  return {
    user: unprivilegedUser(),
    stopSignal: 'SIGTERM',
    prepare: ({ folder, port }) => writeFile(join(folder, 'pgbouncer.ini'), configuration(server, port)),
    command: ({ folder }) => ({ command, args: [join(folder, 'pgbouncer.ini')], env }),
    isReady: async ({ port }) => (await ask(port, SSL_REQUEST)) !== null,
    url: ({ port }) => `postgres://${server.username}@127.0.0.1:${port}${server.pathname}`,
  }
}

function configuration({ hostname, port, username }: URL, listenPort: number): string {
  return `[databases]
* = host=${hostname} port=${port} user=${username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listenPort}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 500
server_login_retry = 1
query_wait_timeout = 5
`
}

/** That of this machine, or else of Debian's packages. */
async function pgbouncerBinary(): Promise<{ command: string; env: Readonly<Record<string, string>> }> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  const folder = folders.find((path) => existsSync(join(path, 'pgbouncer')))
  if (folder !== undefined) return { command: join(folder, 'pgbouncer'), env: {} }
  const extracted = await debianPackages('pgbouncer')
  return { command: join(extracted.folder, 'usr/sbin/pgbouncer'), env: extracted.env }
}
