import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { PROBLEM_CONTENT_TYPE, problemWithStatus } from './problem.ts'

/** Why a connection is not understood. */
export interface ClientError extends Error {
  readonly code?: string | undefined
  /** The bytes at which reading ended, where they are known. */
  readonly rawPacket?: unknown
}

/**
 * Answers what is not HTTP, comes too slowly or has too long a head, then closes the connection. While answers to earlier
 * requests are owed on it, it is only closed: the next bytes would be taken for one of those, or for a part of it.
 */
export function answerClientError(error: ClientError, socket: Socket, answers: readonly ServerResponse[]): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable || answers.some(isOwed)) {
    socket.destroy()
    return
  }
  const { status, phrase, reason } = describe(error.code)
  const body = JSON.stringify(problemWithStatus(status, reason))
  // What was not understood in whole may still be known to want no body (RFC 9110 §9.3.2).
  const isHead = Buffer.isBuffer(error.rawPacket) && error.rawPacket.toString('latin1', 0, 5) === 'HEAD '
  socket.end(
    `HTTP/1.1 ${status} ${phrase}\r\ncontent-type: ${PROBLEM_CONTENT_TYPE}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${isHead ? '' : body}`,
    () => socket.destroy(),
  )
}

const TLS_HANDSHAKE = 0x16

/** Whether what came is the beginning of a TLS connection (RFC 8446 §5.1). */
export function speaksTls({ rawPacket }: ClientError): boolean {
  return Buffer.isBuffer(rawPacket) && rawPacket[0] === TLS_HANDSHAKE
}

/** To a request that arrived whole, or begun. */
function isOwed({ req, headersSent, writableFinished }: ServerResponse): boolean {
  return !writableFinished && (req.complete || headersSent)
}

function describe(code: string | undefined): { status: number; phrase: string; reason: string } {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, phrase: 'Request Timeout', reason: 'The request did not arrive in time' }
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, phrase: 'Request Header Fields Too Large', reason: 'The head of the request is too long' }
    default:
      return { status: 400, phrase: 'Bad Request', reason: 'The request is not valid HTTP/1.1' }
  }
}
