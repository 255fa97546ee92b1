import type { FailureCatalogue } from '../failure.ts'

export const HTTP_FAILURES = {
  http_deferred: {
    retryable: true,
    when: 'the status was not expected and is 408, 425, 429 or 5xx; `Retry-After` is honoured up to 1 hour',
  },
  http_unexpected_status: { retryable: false, when: 'the status was not expected and is any other' },
  http_unreachable: {
    retryable: true,
    when: 'the host has no address, refused or broke the connection, has no valid certificate, or does not speak HTTP',
  },
  http_timeout: { retryable: true, when: 'the exchange took longer than `timeoutSeconds`' },
  address_refused: {
    retryable: false,
    when: 'the host is not on the public internet and not in `TASKYARD_HTTP_ALLOW_PRIVATE`',
  },
  redirect_refused: {
    retryable: false,
    when: 'a redirect leads from https to http, to another protocol, or to a URL with a password',
  },
  too_many_redirects: { retryable: false, when: 'there were more than 5 redirects' },
  circuit_open: {
    retryable: true,
    when: 'the host failed 5 times in a row less than 30 seconds ago; nothing was sent, the retry waits until the host is tried again',
  },
} as const satisfies FailureCatalogue
