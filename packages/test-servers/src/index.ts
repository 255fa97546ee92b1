export { startPgbouncer } from './pgbouncer.ts'
export { sharedServer, startSharedServers } from './shared-server.ts'
export { startServer } from './start-server.ts'
export type { ServerKind, StartOptions, TestServer } from './test-server.ts'
