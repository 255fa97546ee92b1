import type { LeasedTaskDocument, TaskContext } from '@taskyard/core'
import { failureOf } from '../failure.ts'
import type { OpenHandler, TaskTypeDeps } from '../task-type.ts'
import { EMAIL_FAILURES, smtpFailure } from './failures.ts'
import { type EmailPayload, toMessage } from './message.ts'
import { assertSmtpUrl, createSmtpTransport, type SmtpTransport, senderOf } from './transport.ts'

export interface EmailResult {
  readonly messageId: string
  readonly accepted: readonly string[]
  readonly rejected: readonly string[]
  /** What the server said last, usually with its own id of the message. */
  readonly response: string
}

export function createEmailHandler(deps: TaskTypeDeps): OpenHandler {
  const { smtpUrl } = deps
  if (smtpUrl === null) return { run: failUnconfigured, close: async () => {} }
  assertSmtpUrl(smtpUrl)
  const defaultFrom = deps.defaultFrom ?? senderOf(smtpUrl)
  let transport: SmtpTransport | null = null
  return {
    run(task: LeasedTaskDocument<EmailPayload>, context) {
      transport ??= createSmtpTransport(smtpUrl)
      return send(transport, task, defaultFrom, context)
    },
    async close() {
      transport?.close()
    },
  }
}

async function failUnconfigured(): Promise<never> {
  const message = 'No SMTP server is configured: set TASKYARD_SMTP_URL, restart, and retry this task'
  throw failureOf(EMAIL_FAILURES, 'smtp_not_configured', message)
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
