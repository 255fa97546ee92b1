import type { ValueKind } from './value-kinds.ts'

/** Where tasks live: a file of this process, or a server that many processes share. */
export type StoreLocation = FileStoreLocation | ServerStoreLocation

export interface FileStoreLocation {
  readonly kind: 'sqlite'
  readonly path: string
}

export interface ServerStoreLocation {
  readonly kind: 'postgres' | 'redis' | 'mongodb'
  /** With its password: for the driver only. People see {@link storeName}. */
  readonly url: string
}

const SCHEMES: Readonly<Record<string, ServerStoreLocation['kind']>> = {
  postgres: 'postgres',
  postgresql: 'postgres',
  redis: 'redis',
  rediss: 'redis',
  mongodb: 'mongodb',
  'mongodb+srv': 'mongodb',
}

/** What else a URL says is for the store that it names to judge. */
export const storeUrl: ValueKind<StoreLocation> = {
  expected: 'sqlite:PATH, postgres://…, redis://… or mongodb://…, such as sqlite:./data/taskyard.db',
  parse: (text) => (text.startsWith('sqlite:') ? fileStore(text) : serverStore(text)),
  mistake: (text) => fileMistake(text) ?? serverMistake(text),
}

function fileStore(text: string): StoreLocation | undefined {
  const path = /^sqlite:(?:\/\/(?=\/))?(.+)$/.exec(text)?.[1]
  const isRefused = path === undefined || path === ':memory:' || fileMistake(text) !== null
  return isRefused ? undefined : { kind: 'sqlite', path }
}

/** Paths that would lead somewhere else than their author thinks. */
function fileMistake(text: string): string | null {
  const hostLike = /^sqlite:\/\/(?!\/)(.*)$/.exec(text)?.[1]
  if (hostLike !== undefined) {
    return `after two slashes a server would stand; write sqlite:${hostLike} for a path from the working folder, sqlite:/${hostLike} for one from the root`
  }
  if (/^sqlite:(?:\/\/\/)?~[^/]*(?:\/|$)/.test(text)) {
    return 'nobody but a shell knows what ~ stands for; write the path of the folder'
  }
  return null
}

function serverStore(url: string): StoreLocation | undefined {
  const scheme = /^([a-z+]+):\/\/[^/\s]\S*$/.exec(url)?.[1] ?? ''
  const kind = Object.hasOwn(SCHEMES, scheme) ? SCHEMES[scheme] : undefined
  return kind === undefined ? undefined : { kind, url }
}

/** What is wrong with the URL of a server whose scheme is known. */
function serverMistake(url: string): string | null {
  const [, scheme = '', rest = ''] = /^([a-z+]+):\/\/(.*)$/s.exec(url) ?? []
  if (!Object.hasOwn(SCHEMES, scheme)) return null
  if (/\s/.test(rest)) return 'there is a blank in it, which a URL cannot have; in a password it is %20'
  return `after ${scheme}:// its server has to come, such as ${scheme}://127.0.0.1`
}

/** The store as people may read it in logs, answers and errors: the password is not in it. */
export function storeName(location: StoreLocation): string {
  return location.kind === 'sqlite' ? location.path : withoutSecrets(location.url)
}

/**
 * The text with the password of a URL, and parameters that sound like secrets, replaced by `***`. Takes rather too much
 * than too little: of a URL that is not well formed it is not known where its password ends.
 */
export function withoutSecrets(text: string): string {
  const withoutPassword = text.replace(/^([a-z][a-z0-9+.-]*:\/\/)(.*)@/is, (_, scheme: string, login: string) => {
    const user = /^[^:/?#@]*/.exec(login)?.[0] ?? ''
    return `${scheme}${login === user ? user : `${user}:***`}@`
  })
  return withoutPassword.replace(/([?&][^=&]*(?:pass|secret|token|key)[^=&]*=)[^&]*/gi, '$1***')
}
