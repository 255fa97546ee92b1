import type { TaskType } from '../task-type.ts'
import { checkEmail } from './check.ts'
import { EMAIL_FAILURES } from './failures.ts'
import { createEmailHandler } from './handler.ts'
import { emailSchema } from './schema.ts'

/** `email`: one message over SMTP. */
export const emailType: TaskType = {
  type: 'email',
  title: 'Send an email',
  description: 'Sends one message with text, HTML and attachments over SMTP.',
  schema: emailSchema,
  check: checkEmail,
  failures: EMAIL_FAILURES,
  createHandler: createEmailHandler,
}
