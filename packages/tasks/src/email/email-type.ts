import { failureOf } from '../failure.ts'
import { lazyHandler, type OpenHandler, statelessHandler, type TaskType, type TaskTypeDeps } from '../task-type.ts'
import { checkEmail } from './check.ts'
import { EMAIL_FAILURES } from './failures.ts'
import { emailSchema } from './schema.ts'
import { assertSmtpUrl, senderOf } from './smtp-url.ts'

/** `email`: one message over SMTP. */
export const emailType: TaskType = {
  type: 'email',
  title: 'Send an email',
  description: 'Sends one message with text, HTML and attachments over SMTP.',
  schema: emailSchema,
  check: checkEmail,
  failures: EMAIL_FAILURES,
  createHandler,
}

function createHandler({ smtpUrl, defaultFrom }: TaskTypeDeps): OpenHandler {
  if (smtpUrl === null) return statelessHandler(failUnconfigured)
  assertSmtpUrl(smtpUrl)
  return lazyHandler(async () => {
    const { createEmailHandler } = await import('./handler.ts')
    return createEmailHandler(smtpUrl, defaultFrom ?? senderOf(smtpUrl))
  })
}

function failUnconfigured(): never {
  const message = 'No SMTP server is configured: set TASKYARD_SMTP_URL, restart, and retry this task'
  throw failureOf(EMAIL_FAILURES, 'smtp_not_configured', message)
}
