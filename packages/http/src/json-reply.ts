import type { Limiter, Task } from '@taskyard/core'
import { taskDocumentText } from '@taskyard/core'
import type { FastifyReply } from 'fastify'

declare module 'fastify' {
  interface FastifyInstance {
    /** Tells that an answer of so many bytes, or characters, is about to be sent. */
    noteLargeAnswer(bytes: number): void
  }
}

const LARGE_BYTES = 64 * 1024

export const JSON_CONTENT_TYPE = 'application/json; charset=utf-8'

/** Answers with text that is JSON already. */
export function sendJsonText(reply: FastifyReply, text: string): FastifyReply {
  if (text.length > LARGE_BYTES) reply.server.noteLargeAnswer(text.length)
  return reply.type(JSON_CONTENT_TYPE).send(text)
}

/** Answers with many tasks or events, when it is their turn and the client is still there. */
export function sendPage(reply: FastifyReply, limited: Limiter, read: () => Promise<string>): Promise<FastifyReply> {
  return limited(async () => (reply.request.raw.socket.destroyed ? reply.hijack() : sendJsonText(reply, await read())))
}

/** Answers with the document of a task; payload and result go out as the text they were stored as. */
export function sendTask(reply: FastifyReply, task: Task): FastifyReply {
  return sendJsonText(reply, taskDocumentText(task))
}
