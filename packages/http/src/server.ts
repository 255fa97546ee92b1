import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { LIMITS } from '@taskyard/core'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { answerClientError, type ClientError, speaksTls } from './client-error.ts'
import { createErrorHandler, pathOf } from './error-handler.ts'
import { answerUnknownRoutes } from './not-found.ts'
import { trackAnswers } from './open-answers.ts'
import { DEFAULT_HTTP_LIMITS, type HttpLimits, type HttpOptions, SILENT } from './options.ts'
import { boundPipelining } from './pipelining.ts'
import { taskyardHttp, taskyardOperations } from './plugin.ts'

export interface ServerOptions extends HttpOptions {
  /** Every request is logged through this. Off by default: it costs a good part of the throughput. */
  readonly requestLogger?: FastifyBaseLogger
}

/**
 * A server that speaks the HTTP API, ready to listen. `close()` stops accepting, ends long polls and event streams,
 * and resolves when the open requests are answered; stop the engine after it.
 */
export function createServer(options: ServerOptions): Promise<FastifyInstance> {
  return serverOf(taskyardHttp, options, 'docs/')
}

/** A server that answers probes, health and metrics, and nothing else; it closes as that of {@link createServer}. */
export function createOperationsServer(options: HttpOptions): Promise<FastifyInstance> {
  return serverOf(taskyardOperations, options, null)
}

async function serverOf(
  plugin: typeof taskyardHttp,
  options: ServerOptions,
  home: string | null,
): Promise<FastifyInstance> {
  const limits = { ...DEFAULT_HTTP_LIMITS, ...options.limits }
  const handleError = createErrorHandler(options.logger ?? SILENT, options.metrics.problemSent)
  const noteTls = createTlsNote(options)
  const server = Fastify({
    ...fastifyOptions(limits),
    clientErrorHandler: (error, socket) => {
      noteTls(error, socket)
      answerClientError(error, socket, connections.get(socket) ?? [])
    },
    frameworkErrors: handleError,
    ...(options.requestLogger === undefined ? undefined : { loggerInstance: options.requestLogger }),
  }) as FastifyInstance
  const connections = trackAnswers(server.server)
  server.setErrorHandler(handleError)
  if (options.answered !== undefined) tellAnswered(server, options.answered)
  // Nobody reads the body of a request that no route takes.
  server.removeAllContentTypeParsers()
  answerUnknownRoutes(server, handleError, home)
  await server.register(plugin, { ...options, limits, connections })
  return server
}

const TLS_NOTE_MS = 60_000

/** Who writes https:// sees nothing but an error of their TLS library: the log says what is wrong, once a minute at most. */
function createTlsNote({ logger = SILENT, clock }: HttpOptions): (error: ClientError, socket: Socket) => void {
  let nextAt = Number.NEGATIVE_INFINITY
  return (error, { remoteAddress }) => {
    if (!speaksTls(error) || clock.now() < nextAt) return
    nextAt = clock.now() + TLS_NOTE_MS
    logger.warn?.(
      { peer: remoteAddress },
      'somebody speaks HTTPS to this port, which speaks HTTP: its URL begins with http://',
    )
  }
}

function tellAnswered(server: FastifyInstance, answered: NonNullable<HttpOptions['answered']>): void {
  server.addHook('onResponse', async (request, reply) => {
    const { method } = request
    answered({ method, path: pathOf(request), status: reply.statusCode, ms: Math.round(reply.elapsedTime * 10) / 10 })
  })
}

function fastifyOptions(limits: HttpLimits): FastifyServerOptions {
  return {
    bodyLimit: LIMITS.bodyBytes,
    trustProxy: false,
    // The routes decide for themselves what a closing server still does.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 512 },
    serverFactory: (serve: RequestListener) => httpServer(limits, boundPipelining(serve)),
  } as FastifyServerOptions
}

/** The only one of the API: Fastify's own default opens another for each further address of `localhost`, past all our limits. */
function httpServer(limits: HttpLimits, serve: RequestListener): Server {
  const options = {
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    headersTimeout: limits.headersTimeoutMs,
    connectionsCheckingInterval: Math.min(5000, limits.headersTimeoutMs),
  }
  const server = createHttpServer(options, (request, answer) => {
    // Node forgets what it has read behind a request that asks for another protocol.
    if (request.headers.upgrade !== undefined) answer.shouldKeepAlive = false
    serve(request, answer)
  })
  server.maxConnections = limits.connections
  return server
}
