import { ask } from './ask.ts'
import { ferretdbBinary } from './ferretdb.ts'
import { postgresRecipe } from './postgres.ts'
import type { Recipe } from './recipe.ts'
import { runRecipe } from './run-recipe.ts'
import type { TestServer } from './test-server.ts'

/**
 * What is kept behind FerretDB survives the death of the processes, not that of the machine: it stands for MongoDB, which
 * syncs once for many, and not with each statement. Each test makes tables of its own: the log says little of them.
 */
const BACKEND_SETTINGS = {
  fsync: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  shared_buffers: '128MB',
  plan_cache_mode: 'force_custom_plan',
  jit: 'off',
}

/** FerretDB and the PostgreSQL behind it, as one server. */
export async function startMongodb(): Promise<TestServer> {
  const [binary, recipe] = await Promise.all([ferretdbBinary(), postgresRecipe()])
  const backend = await runRecipe('mongodb', recipe, { settings: BACKEND_SETTINGS })
  try {
    return inFrontOf(backend, await runRecipe('mongodb', ferretdbRecipe(binary, backend.url), {}))
  } catch (error) {
    await backend.destroy()
    throw error
  }
}

function inFrontOf(backend: TestServer, front: TestServer): TestServer {
  return {
    kind: 'mongodb',
    url: front.url,
    environment: front.environment,
    get pid() {
      return front.pid
    },
    async stop() {
      await front.stop()
      await backend.stop()
    },
    async kill() {
      await Promise.all([front.kill(), backend.kill()])
    },
    async start() {
      await backend.start()
      await front.start()
    },
    pause() {
      front.pause()
      backend.pause()
    },
    resume() {
      backend.resume()
      front.resume()
    },
    async destroy() {
      await Promise.all([front.destroy(), backend.destroy()])
    },
  }
}

function ferretdbRecipe(command: string, backendUrl: string): Recipe {
  return {
    user: null,
    stopSignal: 'SIGTERM',
    prepare: async () => {},
    command: ({ port }) => ({
      command,
      args: [
        '--handler=postgresql',
        `--postgresql-url=${backendUrl}`,
        `--listen-addr=127.0.0.1:${port}`,
        '--debug-addr=-',
        '--state-dir=-',
        '--telemetry=disable',
        '--log-level=error',
      ],
      env: { DO_NOT_TRACK: '1' },
    }),
    isReady: async ({ port }) => (await ask(port, PING)) !== null,
    url: ({ port }) => `mongodb://127.0.0.1:${port}/`,
  }
}

/** `{ ping: 1, $db: "admin" }` in MongoDB's wire protocol (OP_MSG). */
const PING = ((): Buffer => {
  const body = Buffer.from('\x10ping\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0', 'latin1')
  const message = Buffer.alloc(16 + 4 + 1 + 4 + body.length)
  message.writeInt32LE(message.length, 0)
  message.writeInt32LE(1, 4)
  message.writeInt32LE(2013, 12)
  message.writeInt32LE(4 + body.length, 21)
  body.copy(message, 25)
  return message
})()
