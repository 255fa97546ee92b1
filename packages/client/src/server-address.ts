import { nounOf, TaskyardError } from '@taskyard/core'

/** Where a Taskyard answers and what every request to it carries. Can be handed to another thread. */
export interface ServerAddress {
  /** Without a slash at the end. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** Names the namespace of a request. */
export const NAMESPACE_HEADER = 'taskyard-namespace'

/**
 * A user name and password in the URL become an `Authorization` header: `fetch` takes none in a URL.
 * @throws TaskyardError `invalid_configuration`
 */
export function serverAddress(
  url: string,
  headers: Readonly<Record<string, string>> = {},
  namespace?: string,
): ServerAddress {
  if (typeof url !== 'string' || !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    const shown = typeof url === 'string' ? `"${url}"` : nounOf(url)
    const reason = `client: url is ${shown}; expected a URL that starts with http:// or https://`
    throw new TaskyardError('invalid_configuration', { reason })
  }
  const { origin, pathname, username, password } = new URL(url)
  // Two spellings of a name would both be sent.
  const given = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  const ofNamespace = namespace === undefined ? {} : { [NAMESPACE_HEADER]: namespace }
  return {
    url: origin + pathname.replace(/\/+$/, ''),
    headers: { ...credentials(username, password), ...given, ...ofNamespace },
  }
}

function credentials(username: string, password: string): Record<string, string> {
  if (username === '' && password === '') return {}
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}
