// pg-boss with what its documentation has for volume: insert() in batches, workers that fetch batches and go on at once
// while these are full, and LISTEN/NOTIFY for latency.

import pg from 'pg'
import { PgBoss } from 'pg-boss'

const queue = 'bench'

/** @param {import('../contenders/contender.ts').ContenderOptions} options */
export async function open({ url, settings }) {
  const { worker = {}, callerPool = 10, notify = false, partition = false } = settings
  const boss = new PgBoss({ connectionString: url, max: callerPool, useListenNotify: notify })
  boss.on('error', (error) => process.stderr.write(`${error.stack}\n`))
  await boss.start()
  if ((await boss.getQueue(queue)) === null) await boss.createQueue(queue, { notify, partition })
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  return {
    submit: (payload) => boss.send(queue, payload),
    submitMany: (payloads) =>
      boss.insert(
        queue,
        payloads.map((data) => ({ data })),
      ),
    work: async (handle) => {
      const { perJobResults = false } = worker
      const id = await boss.work(queue, { pollingIntervalSeconds: 0.5, ...worker }, async (jobs) => {
        const results = jobs.map(({ id, data }) => ({ id, status: 'completed', output: handle(data) }))
        if (perJobResults) return results
      })
      return { stop: () => boss.offWork(queue, { id, wait: true }) }
    },
    async counts() {
      const { rows } = await pool.query(
        `select count(*) filter (where state < 'completed')::int as unfinished,
                count(*) filter (where state = 'completed')::int as kept
         from pgboss.job where name = $1`,
        [queue],
      )
      return rows[0]
    },
    async close() {
      await pool.end()
      await boss.stop({ graceful: false })
    },
  }
}
