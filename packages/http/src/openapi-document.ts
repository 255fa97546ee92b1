import type { Clock } from '@taskyard/core'
import type { Engine } from '@taskyard/engine'
import packageJson from '../package.json' with { type: 'json' }
import { createMetrics } from './metrics/create-metrics.ts'
import { createServer } from './server.ts'

/** The OpenAPI 3.1 document of the HTTP API, as `/openapi.json` serves it. The same on every machine. */
export async function openApiDocument(): Promise<object> {
  const server = await createServer({
    // The routes are added and described; none is called.
    engine: {} as Engine,
    clock: {} as Clock,
    metrics: createMetrics({ monotonicMs: () => 0 }),
    info: { version: packageJson.version, stack: {}, durability: '' },
  })
  const response = await server.inject('/openapi.json')
  await server.close()
  return response.json()
}
