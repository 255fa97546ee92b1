import type { TaskFailure } from '@taskyard/core'
import type { NodemailerError } from 'nodemailer'
import { type FailureCatalogue, failureOf } from '../failure.ts'

export const EMAIL_FAILURES = {
  smtp_not_configured: {
    retryable: false,
    when: 'the worker has no SMTP server: set `TASKYARD_SMTP_URL`, restart, and retry the failed tasks',
  },
  smtp_unavailable: {
    retryable: true,
    when: 'the SMTP server cannot be reached, broke the connection, answered too late, closed with 421, or has no valid TLS where TLS is required',
  },
  smtp_deferred: { retryable: true, when: 'the SMTP server answered 4xx: not now' },
  smtp_rejected: { retryable: false, when: 'the SMTP server answered 5xx: never; its answer is in the message' },
  smtp_auth_failed: { retryable: false, when: 'the SMTP server refused the user or password, or wants some' },
} as const satisfies FailureCatalogue

/** What a failed delivery means for the task. What the server said begins on the second line, which no log has: it may repeat addresses. */
export function smtpFailure(cause: unknown): TaskFailure {
  const error = cause as NodemailerError
  return failureOf(EMAIL_FAILURES, failureCode(error), messageOf(error), { cause })
}

function messageOf({ message, code, response, responseCode }: NodemailerError): string {
  if (response === undefined) return code === 'EENVELOPE' ? `The message has no valid envelope:\n${message}` : message
  const what = message.slice(0, message.indexOf(response)).replace(/[\s:.=]+$/, '')
  return `${what}${responseCode === undefined ? '' : ` (${responseCode})`}:\n${response}`
}

function failureCode({ code, responseCode = 0 }: NodemailerError): keyof typeof EMAIL_FAILURES {
  if (responseCode === 421 || code === 'ETLS') return 'smtp_unavailable'
  // Of recipients that were all refused, the library reports one that is only deferred, if there is any.
  if (responseCode >= 400 && responseCode < 500) return 'smtp_deferred'
  if (code === 'EAUTH' || code === 'ENOAUTH' || responseCode === 530) return 'smtp_auth_failed'
  if (responseCode >= 500) return 'smtp_rejected'
  // Refused before a command was sent: a malformed envelope, or a message over the size the server announced.
  if (code === 'EENVELOPE' || code === 'EMESSAGE') return 'smtp_rejected'
  return 'smtp_unavailable'
}
