export { createMetrics, type Metrics, type MetricsOptions } from './metrics/create-metrics.ts'
export { openApiDocument } from './openapi-document.ts'
export {
  DEFAULT_HTTP_LIMITS,
  type ErrorLog,
  type HostNames,
  type HttpInfo,
  type HttpLimits,
  type HttpOptions,
} from './options.ts'
export type { Problem } from './problem.ts'
export { createOperationsServer, createServer, type ServerOptions } from './server.ts'
