import { problemVariable, urlVariable } from './environment.ts'
import { startServer } from './start-server.ts'
import { SERVER_KINDS, type ServerKind } from './test-server.ts'

const started = new Map<ServerKind, Promise<{ readonly url: string }>>()

/**
 * The server of this kind that all tests of a run share: that of the environment, else one for this process. Its users
 * keep apart by schema, key prefix or database, and let it run.
 * @throws with instructions when the server is not on this machine and cannot be fetched
 */
export async function sharedServer(kind: ServerKind): Promise<{ readonly url: string }> {
  const given = process.env[urlVariable(kind)]
  if (given !== undefined) return { url: given }
  const existing = started.get(kind)
  if (existing !== undefined) return existing
  const server = startServer(kind).then(({ url }) => ({ url }))
  started.set(kind, server)
  return server
}

/**
 * One server of each kind that the environment does not name yet, started at the same time; they end with this process.
 * The answer is for the environment of those that shall share them: where the servers are, or why there is none.
 */
export async function startSharedServers(): Promise<Readonly<Record<string, string>>> {
  const outcomes = SERVER_KINDS.map((kind) =>
    sharedServer(kind).then(
      ({ url }) => [urlVariable(kind), url],
      (reason: Error) => [problemVariable(kind), reason.message],
    ),
  )
  return Object.fromEntries(await Promise.all(outcomes))
}
