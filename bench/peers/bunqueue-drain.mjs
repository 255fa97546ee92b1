// Runs on Bun. Embedded mode: adds jobs in bulk, then drains them with one worker and a no-op processor.
import { readFileSync } from 'node:fs'
import { Queue, shutdownManager, Worker } from 'bunqueue/client'

const { dataPath, tasks, batch, durable, worker: settings } = JSON.parse(readFileSync(0, 'utf8'))
const queue = new Queue('bench', { embedded: true, dataPath })
const data = { text: 'x'.repeat(200 - '{"text":""}'.length) }
const jobs = Array.from({ length: batch }, () => ({ name: 'bench', data, opts: { durable } }))

const submitStart = performance.now()
for (let added = 0; added < tasks; added += batch) await queue.addBulk(jobs)
const submittedPerSecond = (tasks * 1000) / (performance.now() - submitStart)

let completed = 0
const all = Promise.withResolvers()
const drainStart = performance.now()
const worker = new Worker('bench', async () => ({ ok: true }), { embedded: true, dataPath, ...settings })
worker.on('completed', () => {
  completed += 1
  if (completed === tasks) all.resolve()
})
await all.promise
const drainedPerSecond = (tasks * 1000) / (performance.now() - drainStart)
await worker.close()
shutdownManager()
process.stdout.write(`${JSON.stringify({ submittedPerSecond, drainedPerSecond })}\n`)
process.exit(0)
