import type { LeasedTaskDocument, TaskContext } from '@taskyard/core'
import type { OpenHandler } from '../task-type.ts'
import { smtpFailure } from './failures.ts'
import { type EmailPayload, toMessage } from './message.ts'
import { createSmtpTransport, type SmtpTransport } from './transport.ts'

export interface EmailResult {
  readonly messageId: string
  readonly accepted: readonly string[]
  readonly rejected: readonly string[]
  /** What the server said last, usually with its own id of the message. */
  readonly response: string
}

/** Sends over one pool of connections, opened by the first message. */
export function createEmailHandler(smtpUrl: string, defaultFrom: string): OpenHandler {
  const transport = createSmtpTransport(smtpUrl)
  return {
    run: (task: LeasedTaskDocument<EmailPayload>, context) => send(transport, task, defaultFrom, context),
    async close() {
      transport.close()
    },
  }
}

async function send(
  transport: SmtpTransport,
  task: LeasedTaskDocument<EmailPayload>,
  defaultFrom: string,
  context: TaskContext,
): Promise<EmailResult> {
  try {
    const info = await transport.sendMail({ ...toMessage(task, defaultFrom), signal: context.signal })
    for (const { recipient, response } of info.rejectedErrors ?? []) {
      context.log(`${recipient} was rejected: ${response}`)
    }
    return {
      messageId: info.messageId,
      accepted: info.accepted.map(String),
      rejected: info.rejected.map(String),
      response: info.response,
    }
  } catch (error) {
    context.signal.throwIfAborted()
    throw smtpFailure(error)
  }
}
