import { type Finding, finding } from '@taskyard/core'
import type { MongoClient } from 'mongodb'

const PINGS = 5
const FAR_MS = 10

/** The median of five pings; a warning from 10 ms on, since each call is several trips. */
export async function latencyFinding(client: MongoClient): Promise<Finding> {
  const times: number[] = []
  for (let ping = 0; ping < PINGS; ping++) {
    const from = performance.now()
    await client.db('admin').command({ ping: 1 })
    times.push(performance.now() - from)
  }
  const median = times.sort((one, other) => one - other)[Math.floor(PINGS / 2)] as number
  const detail = `${median.toFixed(1)} ms there and back`
  return median < FAR_MS
    ? finding.ok('latency', detail)
    : finding.warning('latency', detail, 'Run Taskyard nearer to its MongoDB.')
}
