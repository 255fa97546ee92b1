import { TaskyardError } from '@taskyard/core'
import { isMailbox } from './mailbox.ts'

/** @throws TaskyardError `invalid_configuration`, without the URL: it may hold a password */
export function assertSmtpUrl(url: string): void {
  const protocol = URL.canParse(url) ? new URL(url).protocol : null
  if (protocol === 'smtp:' || protocol === 'smtps:') return
  const reason = 'The SMTP URL (TASKYARD_SMTP_URL) must look like smtp://user:password@host:587 or smtps://host'
  throw new TaskyardError('invalid_configuration', { reason })
}

/** Who sends when nobody is named: the user of the SMTP account if that is an address. */
export function senderOf(smtpUrl: string): string {
  const user = decodeURIComponent(new URL(smtpUrl).username)
  return isMailbox(user) ? user : 'taskyard@localhost'
}
