import type { LeasedTaskDocument } from '@taskyard/core'
import type { SendMailOptions } from 'nodemailer'
import { bytesOfBase64 } from '../base64.ts'
import { type Mailbox, parseMailboxes } from './mailbox.ts'

type Addresses = string | readonly string[]

export interface EmailPayload {
  readonly to?: Addresses
  readonly recipient?: Addresses
  readonly cc?: Addresses
  readonly bcc?: Addresses
  readonly subject?: string
  readonly text?: string
  readonly html?: string
  readonly content?: string
  readonly from?: string
  readonly replyTo?: Addresses
  readonly attachments?: readonly EmailAttachment[]
  readonly headers?: Readonly<Record<string, string>>
}

export interface EmailAttachment {
  readonly filename: string
  readonly content: string
  readonly encoding?: 'utf-8' | 'base64'
  readonly contentType?: string
  readonly cid?: string
}

/**
 * The message of a task. Its Message-ID follows from the task alone, so a message that a crash made go out twice can be
 * recognized as one. Addresses are handed on parsed: nothing reads them a second, different way.
 */
export function toMessage(task: LeasedTaskDocument<EmailPayload>, defaultFrom: string): SendMailOptions {
  const { payload } = task
  const from = mailboxesOf(payload.from ?? defaultFrom)[0] as Mailbox
  const { text = payload.content, html } = payload
  return {
    messageId: `<${task.id}@${from.address.slice(from.address.lastIndexOf('@') + 1)}>`,
    from: { ...from },
    ...recipientsOf(payload),
    subject: payload.subject ?? '',
    ...(text === undefined ? {} : { text }),
    ...(html === undefined ? {} : { html }),
    ...(payload.replyTo === undefined ? {} : { replyTo: mailboxesOf(payload.replyTo) }),
    ...(payload.headers === undefined ? {} : { headers: { ...payload.headers } }),
    attachments: (payload.attachments ?? []).map(toAttachment),
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

/** Everybody the email goes to, `recipient` read as `to`. */
export function recipientsOf({ to, recipient, cc, bcc }: EmailPayload) {
  return { to: mailboxesOf(to ?? recipient), cc: mailboxesOf(cc), bcc: mailboxesOf(bcc) }
}

function mailboxesOf(addresses: Addresses = []): Mailbox[] {
  return [addresses].flat().flatMap((text) => parseMailboxes(text) ?? [])
}

function toAttachment({ filename, content, encoding, contentType, cid }: EmailAttachment) {
  return {
    filename,
    content: encoding === 'base64' ? (bytesOfBase64(content) ?? Buffer.alloc(0)) : Buffer.from(content, 'utf8'),
    ...(contentType === undefined ? {} : { contentType }),
    ...(cid === undefined ? {} : { cid }),
  }
}
