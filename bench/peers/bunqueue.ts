import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { payload200 } from '../load/payload.ts'
import { runProgram } from '../processes/program.ts'
import { freePort, type RunningServer, startServer } from '../processes/server.ts'

const peerFile = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** bunqueue's own server on a SQLite file: HTTP on `port`, its TCP protocol on `tcpPort`. */
export async function startBunqueue(bun: string, directory: string): Promise<RunningServer & { tcpPort: number }> {
  mkdirSync(directory, { recursive: true })
  const [port, tcpPort] = [await freePort(), await freePort()]
  const server = await startServer({
    command: bun,
    args: [peerFile('./node_modules/bunqueue/dist/main.js'), 'start'],
    environment: {
      HOST: '127.0.0.1',
      HTTP_PORT: String(port),
      TCP_PORT: String(tcpPort),
      RATE_LIMIT_MAX_REQUESTS: '1000000000',
      DATA_PATH: `${directory}/bunqueue.db`,
      LOG_LEVEL: 'error',
    },
    port,
    readyPath: '/health',
  })
  return { ...server, tcpPort }
}

/** The bodies of its HTTP API for the same 200-byte payload. */
export function bunqueueJob(durable: boolean): string {
  return JSON.stringify({ name: 'bench', data: payload200, durable })
}

export function bunqueueBatch(size: number, durable: boolean): string {
  const job = { name: 'bench', data: payload200, durable }
  return JSON.stringify({ jobs: Array.from({ length: size }, () => job) })
}

export interface CallerRates {
  readonly singles: CallRate
  readonly batches: CallRate
}

export interface CallRate {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Its own client library under load: in process on `dataPath`, or over TCP through `connection`. */
export function bunqueueCallers(
  bun: string,
  options: { durable: boolean; callers: number; seconds: number; warmupSeconds: number; batch: number } & (
    | { dataPath: string }
    | { connection: { host: string; port: number } }
  ),
): Promise<CallerRates> {
  return runProgram({ command: bun, script: peerFile('./bunqueue-submit.mjs'), options })
}

/** What its documentation advises for volume: many jobs at once, pulled in batches. */
export const bunqueueWorker = { concurrency: 100, batchSize: 100 } as const

export function bunqueueDrain(
  bun: string,
  options: { dataPath: string; tasks: number; batch: number; durable: boolean },
): Promise<{ submittedPerSecond: number; drainedPerSecond: number }> {
  const script = peerFile('./bunqueue-drain.mjs')
  return runProgram({ command: bun, script, options: { ...options, worker: bunqueueWorker } })
}
