import { printableUrl } from './http-url.ts'
import type { OutgoingRequest } from './outgoing.ts'

/**
 * How a request ended, for the message of a failure. Of the first line, which logs have, is method and host alone: a path may be
 * a secret, as those of many webhooks are. It is on the second; what the other side said comes below.
 */
export function requestWords(
  { method, url }: Pick<OutgoingRequest, 'method' | 'url'>,
  ended: string,
  said = '',
): string {
  return `${method} ${url.host}${ended}\n${printableUrl(url)}${said === '' ? '' : `\n${said}`}`
}
