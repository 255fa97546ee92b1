import { STATUS_CODES } from 'node:http'
import type { Clock, TaskFailure } from '@taskyard/core'
import { failureOf } from '../failure.ts'
import type { Exchange } from './exchange.ts'
import { HTTP_FAILURES } from './failures.ts'
import type { OutgoingRequest } from './outgoing.ts'
import { requestWords } from './request-words.ts'

/** The longest wait a server can ask for with `Retry-After`. */
const MAX_RETRY_AFTER_SECONDS = 3600
const EXCERPT_LENGTH = 500
const RETRYABLE_STATUSES: ReadonlySet<number> = new Set([408, 425, 429])

/** The failure of an answer that was not expected. What the other side said is below, where no log has it. */
export function unexpectedStatus(request: OutgoingRequest, answer: Exchange, clock: Clock): TaskFailure {
  const { status } = answer
  const ended = ` answered ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd()
  const message = requestWords(request, ended, excerptOf(answer))
  if (status < 500 && !RETRYABLE_STATUSES.has(status))
    return failureOf(HTTP_FAILURES, 'http_unexpected_status', message)
  const seconds = retryAfterSeconds([answer.headers['retry-after']].flat()[0], clock)
  return failureOf(HTTP_FAILURES, 'http_deferred', message, seconds === null ? {} : { retryDelaySeconds: seconds })
}

function excerptOf({ body, bodyEncoding }: Exchange): string {
  return body === '' || bodyEncoding === 'base64' ? '' : body.slice(0, EXCERPT_LENGTH)
}

/** Seconds or an HTTP date (RFC 9110 §10.2.3); `null` when the header is absent or neither. */
function retryAfterSeconds(header: string | undefined, clock: Clock): number | null {
  if (header === undefined) return null
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - clock.now()) / 1000
  return Number.isNaN(seconds) ? null : Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(0, Math.ceil(seconds)))
}
