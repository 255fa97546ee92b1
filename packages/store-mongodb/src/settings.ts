import { TaskyardError } from '@taskyard/core'

/** How other processes hear of ready tasks: `auto` takes change streams where the deployment has them. */
export type WakeUps = 'auto' | 'changeStream' | 'poll'

export interface Settings {
  /** What the driver gets: without the parameters that are ours. */
  readonly url: string
  readonly database: string
  readonly wakeUps: WakeUps
  /** The URL asks for less than `w:majority` with journal; says what. `null`: it does not. */
  readonly weakness: string | null
}

const DEFAULT_DATABASE = 'taskyard'
const LONGEST_DATABASE_NAME = 63
const ENCODING = 'user and password are percent-encoded: write % as %25, / as %2F, : as %3A and @ as %40'
const WAKE_UPS: readonly string[] = ['auto', 'changeStream', 'poll'] satisfies readonly WakeUps[]

/**
 * Reads a connection string (https://www.mongodb.com/docs/manual/reference/connection-string/). The database is its path,
 * `taskyard` without one. `wakeUps` is ours; everything else is the driver's to know or to refuse.
 * @throws TaskyardError invalid_configuration
 */
export function readSettings(url: string): Settings {
  const parts = /^(mongodb(?:\+srv)?:\/\/[^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/.exec(url)
  if (parts === null) throw misconfigured('a MongoDB URL looks like mongodb://host:27017/taskyard')
  const [, origin = '', path = '', query = ''] = parts
  const parameters = new URLSearchParams(query)
  const wakeUps = readWakeUps(parameters)
  const weakness = weaknessOf(parameters)
  // They are given with every collection, so that nothing in the URL can weaken them.
  for (const name of ['wakeUps', 'w', 'journal', 'j', 'readConcernLevel', 'readPreference']) parameters.delete(name)
  const rest = parameters.toString()
  const database = databaseName(path)
  // The path is also the database that knows the user, unless authSource names one; an absent one means admin.
  return { url: `${origin}/${path}${rest === '' ? '' : `?${rest}`}`, database, wakeUps, weakness }
}

// https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions
function databaseName(path: string): string {
  if (path === '') return DEFAULT_DATABASE
  try {
    const name = decodeURIComponent(path)
    if (/^[^/\\. "$\0]+$/.test(name) && Buffer.byteLength(name) <= LONGEST_DATABASE_NAME) return name
  } catch {
    // Not percent-encoded: no name either.
  }
  // What stands there may be a part of the password.
  throw misconfigured(`the path is not the name of a MongoDB database; ${ENCODING}`)
}

/** What the driver refuses to read, in a parse error or one of JavaScript's own. */
export function unreadableUrl(error: unknown): TaskyardError {
  const message = error instanceof Error ? error.message : String(error)
  const isUnreadable = /malformed|unescaped|connection string/i.test(message)
  return misconfigured(isUnreadable ? `${message}; ${ENCODING}` : message, error)
}

function readWakeUps(parameters: URLSearchParams): WakeUps {
  const wakeUps = parameters.get('wakeUps') ?? 'auto'
  if (!WAKE_UPS.includes(wakeUps)) throw misconfigured(`wakeUps=${wakeUps}: it is one of ${WAKE_UPS.join(', ')}`)
  return wakeUps as WakeUps
}

function weaknessOf(parameters: URLSearchParams): string | null {
  const w = parameters.get('w') ?? 'majority'
  if (w !== 'majority') return `the URL asks for w=${w}, which a failover can undo; tasks need w=majority`
  const journal = parameters.get('journal') ?? parameters.get('j') ?? 'true'
  if (journal !== 'true')
    return 'the URL asks for journal=false, so that a crash of the server loses what it acknowledged'
  return null
}

function misconfigured(reason: string, cause?: unknown): TaskyardError {
  return new TaskyardError('invalid_configuration', { reason: `TASKYARD_STORE: ${reason}` }, { cause })
}
