import { TaskyardError } from '@taskyard/core'
import type { Database } from './database.ts'

/** The oldest server that the statements here are written for. */
const OLDEST_VERSION = 150_000

/**
 * Says how safe a commit on this server is, for people.
 * @throws TaskyardError unsafe_durability, unless that is allowed; store_unavailable
 */
export async function checkDurability({ run }: Database, allowUnsafe: boolean): Promise<string> {
  const [row] = await run<[string, string, string, string, string, string]>(
    `SELECT current_setting('server_version_num'), current_setting('server_version'), current_setting('fsync'),
       current_setting('synchronous_commit'), current_setting('full_page_writes'), current_setting('synchronous_standby_names')`,
  )
  const [number, version, fsync, synchronousCommit, fullPageWrites, standbys] = row as NonNullable<typeof row>
  if (Number(number) < OLDEST_VERSION) {
    throw new TaskyardError('store_unavailable', { reason: `it is PostgreSQL ${version}; Taskyard needs 15 or later` })
  }
  const unsafe = [
    ...(fsync === 'off' ? ['fsync=off'] : []),
    ...(synchronousCommit === 'off' ? ['synchronous_commit=off'] : []),
    ...(fullPageWrites === 'off' ? ['full_page_writes=off'] : []),
  ]
  if (unsafe.length > 0 && !allowUnsafe) {
    const reason = `PostgreSQL has ${unsafe.join(' and ')}: a crash of the server can lose or damage what was acknowledged`
    throw new TaskyardError('unsafe_durability', { reason })
  }
  if (unsafe.length > 0)
    return `unsafe: a crash of the server can lose acknowledged tasks (PostgreSQL ${version}, ${unsafe.join(', ')})`
  const replicas =
    standbys === '' || synchronousCommit === 'local' ? '' : `, and confirmed by synchronous standbys (${standbys})`
  return `every commit synced to disk${replicas} (PostgreSQL ${version}, synchronous_commit=${synchronousCommit})`
}
