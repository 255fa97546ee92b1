import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { inCache } from './cache.ts'
import { type Binaries, postgresBinaries } from './postgres-binaries.ts'
import type { Recipe } from './recipe.ts'
import { type User, unprivilegedUser } from './unprivileged-user.ts'

const run = promisify(execFile)

/** As in production, as far as a small machine goes: every commit is synced to disk. */
const SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  shared_buffers: '256MB',
  max_connections: '200',
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
}

/** PostgreSQL of this machine, or else of Debian's packages, which are fetched once. */
export async function postgresRecipe(): Promise<Recipe> {
  const binaries = await postgresBinaries()
  const user = unprivilegedUser()
  const template = await databaseTemplate(binaries, user)
  return {
    user,
    stopSignal: 'SIGINT', // SIGTERM waits until every client has left.
    async prepare({ folder }) {
      await run('cp', ['-R', template, join(folder, 'data')], { cwd: '/', ...user })
    },
    command({ folder, port, settings }) {
      const all = Object.entries({ ...SETTINGS, port: String(port), ...settings })
      const args = ['-D', join(folder, 'data'), ...all.flatMap(([name, value]) => ['-c', `${name}=${value}`])]
      return { command: join(binaries.folder, 'postgres'), args, env: binaries.env }
    },
    async isReady({ folder }, pid) {
      // As pg_ctl does. A killed server leaves its file behind, so the pid matters.
      const file = join(folder, 'data', 'postmaster.pid')
      const lines = textOf(file).split('\n')
      return lines[0] === String(pid) && lines[7]?.trim() === 'ready'
    },
    url: ({ port }) => `postgres://taskyard@127.0.0.1:${port}/postgres`,
  }
}

/** Empty when there is no such file, or no longer: a server that starts replaces its own. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return ''
    throw error
  }
}

/** A fresh database, made once per version: copying it is ten times as fast as making another. */
function databaseTemplate({ folder, env, version }: Binaries, user: User | null): Promise<string> {
  return inCache(`postgres-${version}-data-${user?.uid ?? process.getuid?.()}`, user, async (target) => {
    const options = ['--username=taskyard', '--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8', '--no-sync']
    await run(join(folder, 'initdb'), [`--pgdata=${target}`, ...options], {
      cwd: '/',
      env: { ...process.env, ...env },
      ...user,
    })
  })
}
