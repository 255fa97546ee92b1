import { join } from 'node:path'
import { startServer } from '@taskyard/test-servers'
import type { Figure, RunContext } from '../scenario.ts'
import { startPostgres } from './databases.ts'

/** Runs with the URL of an empty store of a kind, on a server of its own that ends afterwards. */
export async function withStore(
  { directory, record }: RunContext,
  store: string,
  use: (url: string) => Promise<readonly Figure[]>,
): Promise<readonly Figure[]> {
  switch (store) {
    case 'sqlite':
      return use(`sqlite:${join(directory, 'taskyard.db')}`)
    case 'postgres': {
      const server = await startPostgres()
      for (const condition of server.conditions) record(condition)
      return server.withDatabase(use).finally(() => server.destroy())
    }
    case 'redis':
    case 'mongodb': {
      const server = await startServer(store)
      return use(server.url).finally(() => server.destroy())
    }
    default:
      throw new Error(`--store takes sqlite, postgres, redis or mongodb, not ${store}`)
  }
}
