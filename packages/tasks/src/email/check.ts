import type { Violation } from '@taskyard/core'
import { bytesOfBase64 } from '../base64.ts'
import type { EmailPayload } from './message.ts'
import { recipientsOf } from './message.ts'
import { MAX_RECIPIENTS } from './schema.ts'

/** Headers that belong to a field of the payload, to the message's structure or to the servers on its way. */
const RESERVED_HEADERS =
  /^(from|sender|to|cc|bcc|subject|reply-to|message-id|date|mime-version|content-.*|return-path|received|dkim-signature|resent-.*)$/i

/** What is wrong with a payload that fits the schema. */
export function checkEmail(payload: unknown): readonly Violation[] {
  const email = payload as EmailPayload
  return [...tooManyRecipients(email), ...reservedHeaders(email), ...brokenAttachments(email)]
}

function tooManyRecipients(email: EmailPayload): readonly Violation[] {
  const { to, cc, bcc } = recipientsOf(email)
  const count = to.length + cc.length + bcc.length
  if (count <= MAX_RECIPIENTS) return []
  return [{ path: '/to', message: `has ${count} recipients with cc and bcc; at most ${MAX_RECIPIENTS} are allowed` }]
}

function reservedHeaders({ headers = {} }: EmailPayload): readonly Violation[] {
  return Object.keys(headers)
    .filter((name) => RESERVED_HEADERS.test(name))
    .map((name) => ({ path: `/headers/${name}`, message: 'cannot be set here: a field or the server sets it' }))
}

function brokenAttachments({ attachments = [] }: EmailPayload): readonly Violation[] {
  return attachments.flatMap(({ content, encoding }, index) => {
    const isBroken = encoding === 'base64' && bytesOfBase64(content) === null
    return isBroken ? [{ path: `/attachments/${index}/content`, message: 'must be Base64' }] : []
  })
}
