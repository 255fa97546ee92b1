export { inspectRedisStore } from './inspect-redis-store.ts'
export { openRedisStore, type RedisStoreOptions } from './open-redis-store.ts'
