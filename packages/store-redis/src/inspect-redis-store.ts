import type { Finding } from '@taskyard/core'
import type { RedisStoreOptions } from './open-redis-store.ts'
export async function inspectRedisStore(_options: RedisStoreOptions): Promise<readonly Finding[]> {
  return []
}
