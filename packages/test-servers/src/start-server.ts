import { problemVariable } from './environment.ts'
import { startMongodb } from './mongodb.ts'
import { postgresRecipe } from './postgres.ts'
import { redisRecipe } from './redis.ts'
import { runRecipe } from './run-recipe.ts'
import type { ServerKind, StartOptions, TestServer } from './test-server.ts'

/**
 * Starts a server of one's own; resolves when it serves. The first start on a machine may fetch what is missing.
 * @throws with instructions when the server is not on this machine and cannot be fetched
 */
export async function startServer(kind: ServerKind, options: StartOptions = {}): Promise<TestServer> {
  const problem = process.env[problemVariable(kind)]
  if (problem !== undefined) throw new Error(problem)
  switch (kind) {
    case 'postgres':
      return runRecipe(kind, await postgresRecipe(), options)
    case 'redis':
      return runRecipe(kind, await redisRecipe(), options)
    case 'mongodb':
      return startMongodb()
  }
}
