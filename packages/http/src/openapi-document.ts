import type { Clock } from '@taskyard/core'
import type { Engine } from '@taskyard/engine'
import { createMetrics } from './metrics/create-metrics.ts'
import { createServer } from './server.ts'
import { VERSION } from './version.ts'

/** The OpenAPI 3.1 document of the HTTP API, as `/openapi.json` serves it. The same on every machine. */
export async function openApiDocument(): Promise<object> {
  const server = await createServer({
    // The routes are added and described; none is called.
    engine: {} as Engine,
    clock: {} as Clock,
    metrics: createMetrics({ monotonicMs: () => 0 }),
    info: { version: VERSION, stack: {}, durability: '' },
  })
  const response = await server.inject('/openapi.json')
  await server.close()
  return response.json()
}
