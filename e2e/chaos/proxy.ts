import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One call on its way through a proxy. */
export interface ProxiedCall {
  readonly method: string
  readonly path: string
  readonly body: string
  /** The server it was handed to, by its name, and when. */
  readonly server: string
  readonly sentAt: number
}

/** `whole`: pass. `unsent`: the server never sees it. `unanswered`, `half`: the server does it, the caller is cut off. */
export type Cut = 'whole' | 'unsent' | 'unanswered' | 'half'

/** Watches the calls that pass through a proxy. Called in order, synchronously: what they do happens before the bytes go on. */
export interface Tap {
  now(): number
  cut(path: string): Cut
  onCut(path: string, cut: Cut): void
  /** The request is with the server. */
  onSent(call: ProxiedCall): void
  /** The server's whole answer is here, the caller has none of it yet. */
  onAnswer(call: ProxiedCall, status: number, body: string): void
  /** The connection to the server broke before its answer. */
  onBroken(call: ProxiedCall): void
}

/** A server behind a proxy. */
export interface Upstream {
  readonly name: string
  readonly port: number
}

/** The servers that a call of a path may go to, in the order of preference. The next is asked when one refuses the connection. */
export type Route = (path: string) => readonly Upstream[]

export interface Proxy {
  readonly url: string
  /** Breaks every event stream that passes here; says whether there was one. */
  cutStreams(): boolean
  close(): Promise<void>
}

/**
 * A loopback HTTP proxy that can break connections at chosen points and lets a tap see every call. A caller that goes
 * away takes its connection to the server with it, as if there were no proxy.
 */
export async function startProxy(route: Route, tap: Tap): Promise<Proxy> {
  const agent = new Agent({ keepAlive: true })
  const streams = new Set<ServerResponse>()
  const server = createServer((incoming, reply) => {
    forward(incoming, reply, { agent, route, tap, streams }).catch(() => reply.destroy())
  })
  server.requestTimeout = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cutStreams() {
      for (const stream of streams) stream.destroy()
      return streams.size > 0
    },
    close: () => closeProxy(server, agent),
  }
}

interface ProxyContext {
  readonly agent: Agent
  readonly route: Route
  readonly tap: Tap
  readonly streams: Set<ServerResponse>
}

async function forward(incoming: IncomingMessage, reply: ServerResponse, context: ProxyContext): Promise<void> {
  const body = await readAll(incoming)
  const path = incoming.url ?? '/'
  const cut = context.tap.cut(path)
  if (cut !== 'whole') context.tap.onCut(path, cut)
  if (cut === 'unsent') return void reply.destroy()
  const answer = await forwardToFirst(incoming, body, reply, context)
  if (answer === null) return void reply.destroy()
  const stream = answer.headers['content-type']?.startsWith('text/event-stream') === true
  if (stream) return passStream(answer, reply, context)
  await passAnswer(answer, reply, cut)
}

interface PassedAnswer extends Pick<IncomingMessage, 'headers'> {
  readonly status: number
  readonly incoming: IncomingMessage
  readonly body: string
}

/** The answer of the first server that takes the call; `null` when none does, or when the connection broke. */
async function forwardToFirst(
  incoming: IncomingMessage,
  body: string,
  reply: ServerResponse,
  context: ProxyContext,
): Promise<PassedAnswer | null> {
  for (const upstream of context.route(incoming.url ?? '/')) {
    const answer = await forwardTo(upstream, incoming, body, reply, context)
    if (answer !== 'refused') return answer
  }
  return null
}

/** The server's answer; of an event stream its beginning. `null` when the connection broke. */
function forwardTo(
  { name: server, port }: Upstream,
  incoming: IncomingMessage,
  body: string,
  reply: ServerResponse,
  { agent, tap }: ProxyContext,
): Promise<PassedAnswer | 'refused' | null> {
  const { promise, resolve } = Promise.withResolvers<PassedAnswer | 'refused' | null>()
  const method = incoming.method ?? 'GET'
  const path = incoming.url ?? '/'
  const headers = { ...incoming.headers, host: `127.0.0.1:${port}` }
  const outgoing = request({ host: '127.0.0.1', port, agent, method, path, headers })
  const call: ProxiedCall = { method, path, body, server, sentAt: tap.now() }
  const broken = () => {
    tap.onBroken(call)
    resolve(null)
  }
  outgoing.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNREFUSED') resolve('refused')
    else broken()
  })
  outgoing.once('finish', () => tap.onSent(call))
  outgoing.once('response', (answer) => {
    const { headers: answerHeaders, statusCode: status = 0 } = answer
    if (answerHeaders['content-type']?.startsWith('text/event-stream')) {
      return resolve({ headers: answerHeaders, status, incoming: answer, body: '' })
    }
    const chunks: Buffer[] = []
    answer.on('data', (chunk: Buffer) => chunks.push(chunk))
    answer.on('error', () => {})
    answer.once('close', () => {
      if (!answer.complete) return broken()
      const text = Buffer.concat(chunks).toString()
      tap.onAnswer(call, status, text)
      resolve({ headers: answerHeaders, status, incoming: answer, body: text })
    })
  })
  reply.once('close', () => {
    if (!reply.writableFinished) outgoing.destroy()
  })
  outgoing.end(body)
  return promise
}

function passStream(
  { headers, status, incoming }: PassedAnswer,
  reply: ServerResponse,
  { streams }: ProxyContext,
): void {
  streams.add(reply)
  reply.writeHead(status, headers)
  reply.flushHeaders()
  incoming.on('error', () => reply.destroy())
  incoming.once('close', () => reply.destroy())
  reply.once('close', () => {
    streams.delete(reply)
    incoming.destroy()
  })
  incoming.pipe(reply)
}

async function passAnswer({ headers, status, body }: PassedAnswer, reply: ServerResponse, cut: Cut): Promise<void> {
  if (reply.destroyed) return
  if (cut === 'unanswered') return void reply.destroy()
  const { 'transfer-encoding': _, connection: __, 'keep-alive': ___, ...rest } = headers
  reply.writeHead(status, { ...rest, 'content-length': Buffer.byteLength(body) })
  if (cut === 'whole') return void reply.end(body)
  reply.write(body.slice(0, body.length >> 1), () => reply.destroy())
}

async function readAll(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

async function closeProxy(server: Server, agent: Agent): Promise<void> {
  server.closeAllConnections()
  agent.destroy()
  server.close()
  await once(server, 'close')
}
