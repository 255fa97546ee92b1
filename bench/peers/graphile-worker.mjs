// graphile-worker as its page on performance advises: local queue, batched completion, jobs added in batches.
import { Logger, makeWorkerUtils, run } from 'graphile-worker'
import pg from 'pg'

process.env.NO_LOG_SUCCESS = '1'
const logger = new Logger(() => (level, message) => {
  if (level === 'error') process.stderr.write(`${message}\n`)
})

/** @param {import('../contenders/contender.ts').ContenderOptions} options */
export async function open({ url, settings }) {
  const { worker = {}, callerPool = 10 } = settings
  const pool = new pg.Pool({ connectionString: url, max: callerPool })
  pool.on('error', reportError)
  pool.on('connect', (client) => client.on('error', reportError))
  const utils = await makeWorkerUtils({ pgPool: pool, logger })
  await utils.migrate()
  return {
    submit: (payload) => utils.addJob('bench', payload),
    submitMany: (payloads) => utils.addJobs(payloads.map((payload) => ({ identifier: 'bench', payload }))),
    work: async (handle) => {
      const taskList = { bench: async (payload) => void handle(payload) }
      return run({ taskList, preset: { worker: { connectionString: url, logger, ...worker } }, noHandleSignals: true })
    },
    async counts() {
      // Finished jobs are deleted.
      const { rows } = await pool.query('select count(*)::int as jobs from graphile_worker._private_jobs')
      return { unfinished: rows[0].jobs, kept: null }
    },
    async close() {
      await utils.release()
      await pool.end()
    },
  }
}

function reportError(error) {
  process.stderr.write(`${error.stack}\n`)
}
