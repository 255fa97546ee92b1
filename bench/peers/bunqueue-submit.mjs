// Runs on Bun. 100 concurrent callers of queue.add(), and batches of addBulk(), embedded or over TCP.
import { readFileSync } from 'node:fs'
import { Queue, shutdownManager } from 'bunqueue/client'

const options = JSON.parse(readFileSync(0, 'utf8'))
const { connection, dataPath, durable, callers, seconds, warmupSeconds, batch } = options
const queue = new Queue('bench', connection ? { connection } : { embedded: true, dataPath })
if (queue.waitUntilReady) await queue.waitUntilReady()
const data = { text: 'x'.repeat(200 - '{"text":""}'.length) }
const jobs = Array.from({ length: batch }, () => ({ name: 'bench', data, opts: { durable } }))

const singles = await rate(callers, 1, () => queue.add('bench', data, { durable }))
const batches = await rate(4, batch, () => queue.addBulk(jobs))
await queue.close?.()
if (!connection) shutdownManager()
process.stdout.write(`${JSON.stringify({ singles, batches })}\n`)
process.exit(0)

/**
 * Calls `submit` from `parallel` loops; gives jobs a second after the warm-up and the quantiles of one call.
 * The loops watch the clock themselves: an embedded add() never yields to a timer.
 */
async function rate(parallel, size, submit) {
  const measureAt = performance.now() + warmupSeconds * 1000
  const endAt = measureAt + seconds * 1000
  let count = 0
  const latencies = []
  const loop = async () => {
    for (let start = performance.now(); start < endAt; ) {
      await submit()
      const end = performance.now()
      if (end >= measureAt && end < endAt) {
        count += size
        latencies.push(end - start)
      }
      start = end
    }
  }
  await Promise.all(Array.from({ length: parallel }, loop))
  latencies.sort((a, b) => a - b)
  const at = (share) => latencies[Math.ceil(latencies.length * share) - 1] ?? 0
  return { perSecond: count / seconds, p50Ms: at(0.5), p99Ms: at(0.99) }
}
