// BullMQ on Redis or on its PostgreSQL backend, by the URL. Finished jobs and their results are kept: its default.
import { createRequire } from 'node:module'
import { createClient } from 'redis'

// Its PostgreSQL backend loads its driver by require(), which only its CommonJS files have.
const { Queue, Worker, createPostgresBackend, createRedisBackend } = createRequire(import.meta.url)('bullmq')

/** @param {import('../contenders/contender.ts').ContenderOptions} options */
export async function open({ url, settings }) {
  const { worker = {}, workers = 1, callerPool = 10, workerPool = 10 } = settings
  const onPostgres = url.startsWith('postgres:')
  const backend = onPostgres ? createPostgresBackend : createRedisBackend
  const connection = (max) => {
    if (onPostgres) return { connectionString: url, max, migrate: true }
    return settings.client === 'redis' ? createClient({ url }) : { url, maxRetriesPerRequest: null }
  }
  const queue = new Queue('bench', { connection: connection(callerPool) }, backend)
  queue.on('error', reportError)
  await queue.waitUntilReady()
  return {
    submit: (payload) => queue.add('bench', payload),
    submitMany: (payloads) => queue.addBulk(payloads.map((data) => ({ name: 'bench', data }))),
    work: async (handle) => {
      const running = Array.from({ length: workers }, () => {
        const options = { connection: connection(workerPool), ...worker }
        const one = new Worker('bench', async ({ data }) => handle(data), options, backend)
        one.on('error', reportError)
        return one
      })
      await Promise.all(running.map((one) => one.waitUntilReady()))
      return { stop: () => Promise.all(running.map((one) => one.close())) }
    },
    async counts() {
      const { wait, active, completed } = await queue.getJobCounts('wait', 'active', 'completed')
      return { unfinished: wait + active, kept: completed }
    },
    close: () => queue.close(),
  }
}

function reportError(error) {
  process.stderr.write(`${error.stack}\n`)
}
