import { startServer } from './start-server.ts'
import type { ServerKind } from './test-server.ts'

const started = new Map<ServerKind, Promise<{ readonly url: string }>>()

/** The environment variable that says where the test run's server of this kind is. */
export function serverVariable(kind: ServerKind): string {
  return `TASKYARD_TEST_${kind.toUpperCase()}_URL`
}

/**
 * The server of this kind that all tests of a run share: that of the environment, else one for this process. Its users
 * keep apart by schema, key prefix or database, and let it run.
 */
export async function sharedServer(kind: ServerKind): Promise<{ readonly url: string }> {
  const given = process.env[serverVariable(kind)]
  if (given !== undefined) return { url: given }
  const existing = started.get(kind)
  if (existing !== undefined) return existing
  const server = startServer(kind).then(({ url }) => ({ url }))
  started.set(kind, server)
  return server
}
