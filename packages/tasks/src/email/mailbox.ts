import addressparser from 'nodemailer/lib/addressparser'

export interface Mailbox {
  readonly name: string
  readonly address: string
}

/**
 * An address as servers exchange it: dot-atom before the `@`, a domain or an address literal after it. Quoted local parts are
 * left out on purpose: they let one address look like another.
 */
const ADDRESS =
  /^[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+(?:\.[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+)*@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?(?:\.[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?)*|\[[0-9A-Fa-f.:]+\])$/u

/** Longest address RFC 5321 allows in a path (§4.5.3.1.3, without the angle brackets). */
const MAX_ADDRESS_LENGTH = 254

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f\u2028\u2029]/

/** The mailboxes of `a@b`, `Name <a@b>` or a comma-separated list of these; `null` when any is malformed. */
export function parseMailboxes(text: string): readonly Mailbox[] | null {
  if (CONTROL_CHARACTER.test(text)) return null
  const entries = addressparser(text)
  const mailboxes = entries.flatMap(({ name, address }) => {
    return isAddress(address) && isClear(text, name, address) ? [{ name, address }] : []
  })
  return mailboxes.length > 0 && mailboxes.length === entries.length ? mailboxes : null
}

/** Whether a text is exactly one mailbox, as {@link parseMailboxes} reads it. */
export function isMailbox(text: string): boolean {
  return parseMailboxes(text)?.length === 1
}

/** Whether a text is one or more mailboxes, separated by commas, all of them well-formed. */
export function isMailboxList(text: string): boolean {
  return parseMailboxes(text) !== null
}

/** Without brackets, or with an unquoted `@`, what the parser took for a name is an address that would get lost. */
function isClear(text: string, name: string, address: string | undefined): boolean {
  if (name === '') return true
  return text.includes(`<${address}>`) && (!name.includes('@') || text.includes('"'))
}

function isAddress(address: string | undefined): address is string {
  return address !== undefined && address.length <= MAX_ADDRESS_LENGTH && ADDRESS.test(address)
}
