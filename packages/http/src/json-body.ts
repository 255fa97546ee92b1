import { isUtf8 } from 'node:buffer'
import { TaskyardError } from '@taskyard/core'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { shortened } from './error-handler.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The body as it was sent, for the routes that hand parts of it on unchanged. */
    bodyText: string
  }
}

/**
 * Makes `application/json` the only media type. Bodies go through plain `JSON.parse`: `__proto__` is a name like any
 * other there and pollutes nothing, while unknown names are refused by the schemas. An empty body is no body.
 */
export function acceptJsonBodies(server: FastifyInstance): void {
  server.decorateRequest('bodyText', '')
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, parseJson)
}

const COMPRESSED = 'The body is compressed: send it as plain application/json, without Content-Encoding'

function parseJson(request: FastifyRequest, body: Buffer, done: (error: Error | null, body?: unknown) => void): void {
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') {
    done(new TaskyardError('unsupported_media_type', {}, { message: COMPRESSED }))
    return
  }
  let value: unknown
  try {
    value = body.length === 0 ? undefined : parsed(request, body)
  } catch (error) {
    done(new TaskyardError('invalid_json', { reason: shortened((error as Error).message) }))
    return
  }
  done(null, value)
}

function parsed(request: FastifyRequest, body: Buffer): unknown {
  if (!isUtf8(body)) throw new SyntaxError('it is not UTF-8')
  request.bodyText = body.toString('utf8')
  return JSON.parse(request.bodyText)
}
