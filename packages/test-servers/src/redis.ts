import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { ask } from './ask.ts'
import { debianPackages } from './debian-packages.ts'
import type { Recipe } from './recipe.ts'

/** Nothing that was answered is lost in a kill, and nothing is ever evicted. */
const SETTINGS = {
  bind: '127.0.0.1',
  appendonly: 'yes',
  appendfsync: 'always',
  save: '',
  'maxmemory-policy': 'noeviction',
}

/** Redis or Valkey of this machine, or else Redis of Debian's packages, which are fetched once. */
export async function redisRecipe(): Promise<Recipe> {
  const { command, env } = await redisBinary()
  return {
    user: null,
    stopSignal: 'SIGTERM',
    prepare: async () => {},
    command({ folder, port, settings }) {
      const all = Object.entries({
        ...SETTINGS,
        port: String(port),
        dir: folder,
        ...busOf(port, settings),
        ...settings,
      })
      return { command, args: all.flatMap(([name, value]) => [`--${name}`, value]), env }
    },
    async isReady({ port }) {
      const answer = await ask(port, 'PING\r\n')
      return answer?.toString() === '+PONG\r\n'
    },
    url: ({ port }) => `redis://127.0.0.1:${port}`,
  }
}

// The nodes of a cluster listen on a second port, by default 10,000 above the first: there an outgoing connection may have it.
function busOf(port: number, settings: Readonly<Record<string, string>>): Record<string, string> {
  return settings['cluster-enabled'] === 'yes' ? { 'cluster-port': String(port - 10_000) } : {}
}

/** Redis or Valkey of this machine, or else Redis of Debian's packages. */
async function redisBinary(): Promise<{ command: string; env: Readonly<Record<string, string>> }> {
  for (const name of ['redis-server', 'valkey-server']) {
    const folder = (process.env.PATH ?? '').split(delimiter).find((path) => existsSync(join(path, name)))
    if (folder !== undefined) return { command: join(folder, name), env: {} }
  }
  const { folder, env } = await debianPackages('redis-server')
  return { command: join(folder, 'usr/bin/redis-server'), env }
}
