import { connect, type Socket } from 'node:net'
import { printResult, programOptions } from '../processes/program.ts'
import { Histogram } from './histogram.ts'
import { ResponseReader } from './response-reader.ts'

// A load generator over bare sockets, in a process of its own: one request in flight per keep-alive connection, its
// bytes built once. Every answer is read to its end and its status checked; the clock stops at its last byte.

export interface LoadOptions {
  readonly port: number
  readonly path: string
  readonly body: string
  readonly status: number
  readonly connections: number
  readonly warmupSeconds: number
  readonly seconds: number
  /** Stop after so many requests, whatever the time; then everything is measured. */
  readonly requests?: number
}

export interface LoadResult {
  /** When the first request left, ms since the epoch. */
  readonly startedAt: number
  /** Answers with the wanted status inside the measured time, and how long that time was. */
  readonly answered: number
  readonly seconds: number
  /** Answers with the wanted status from start to end: what the server must hold afterwards. */
  readonly answeredInAll: number
  readonly refused: number
  readonly firstRefusal: string | null
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Of this process while measured; near 100 the generator is the limit, not the server. */
  readonly cpuPercent: number
}

printResult(await generate(programOptions<LoadOptions>()))

async function generate(options: LoadOptions): Promise<LoadResult> {
  const { connections, warmupSeconds, seconds, requests = Number.POSITIVE_INFINITY } = options
  const counted = Number.isFinite(requests)
  const request = requestBytes(options)
  const latencies = new Histogram()
  let phase: 'warm-up' | 'measure' | 'end' = counted ? 'measure' : 'warm-up'
  let [sent, answered, answeredInAll, refused] = [connections, 0, 0, 0]
  let firstRefusal: string | null = null

  /** Takes one answer; says whether to send another request. */
  const onAnswer = (status: number, microseconds: number, head: string): boolean => {
    if (status !== options.status) {
      refused += 1
      firstRefusal ??= head
    } else {
      answeredInAll += 1
      if (phase === 'measure') {
        answered += 1
        latencies.add(microseconds)
      }
    }
    sent += 1
    return phase !== 'end' && sent <= requests
  }

  const startedAt = performance.timeOrigin + performance.now()
  const closed = Promise.all(Array.from({ length: connections }, () => drive(options.port, request, onAnswer)))
  if (!counted) await pause(warmupSeconds)
  phase = 'measure'
  const [start, cpuStart] = [performance.now(), process.cpuUsage()]
  await (counted ? closed : pause(seconds))
  phase = 'end'
  const elapsed = (performance.now() - start) / 1000
  const cpu = process.cpuUsage(cpuStart)
  await closed

  return {
    startedAt,
    answered,
    seconds: elapsed,
    answeredInAll,
    refused,
    firstRefusal,
    p50Ms: latencies.quantile(0.5) / 1000,
    p99Ms: latencies.quantile(0.99) / 1000,
    maxMs: latencies.max / 1000,
    cpuPercent: (cpu.user + cpu.system) / 10_000 / elapsed,
  }
}

function requestBytes({ port, path, body }: LoadOptions): Buffer {
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

/** Sends one request after the other on one connection until `onAnswer` says no; resolves when it has closed. */
function drive(
  port: number,
  request: Buffer,
  onAnswer: (status: number, microseconds: number, head: string) => boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const reader = new ResponseReader()
    let sentAt = 0
    const socket: Socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(65_536),
        callback(length, buffer) {
          const answer = reader.read(buffer as Buffer, length)
          if (answer === null) return true
          const goOn = onAnswer(answer.status, (performance.now() - sentAt) * 1000, answer.head)
          if (goOn) send()
          else socket.end()
          return true
        },
      },
    })
    const send = () => {
      sentAt = performance.now()
      socket.write(request)
    }
    socket.once('connect', send)
    socket.once('error', reject)
    socket.once('close', () => resolve())
  })
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000))
}
