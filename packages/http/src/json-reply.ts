import type { Task } from '@taskyard/core'
import { taskDocumentText } from '@taskyard/core'
import type { FastifyReply } from 'fastify'

export const JSON_CONTENT_TYPE = 'application/json; charset=utf-8'

/** Answers with text that is JSON already. */
export function sendJsonText(reply: FastifyReply, text: string): FastifyReply {
  return reply.type(JSON_CONTENT_TYPE).send(text)
}

export function sendTask(reply: FastifyReply, task: Task): FastifyReply {
  return sendJsonText(reply, taskDocumentText(task))
}
