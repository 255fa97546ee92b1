import { existsSync, rmSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { DatabaseSync } from '@taskyard/store-sqlite/sqlite'

export type Inspection =
  | { readonly kind: 'whole' | 'locked' | 'foreign' }
  | { readonly kind: 'damaged'; readonly reason: string }

/** What store-sqlite marks its files with. */
const APPLICATION_ID = 0x54534b59
const SQLITE_BUSY = 5

/** Reads a store's file without changing it. A running server keeps it locked. */
export function inspectSqliteFile(path: string): Inspection {
  const hadIndex = existsSync(`${path}-shm`)
  try {
    const database = new DatabaseSync(locationOf(path), { readOnly: true, timeout: 0 })
    try {
      return inspect(database)
    } finally {
      database.close()
      // Left behind by another user, it would keep the server from its own file.
      if (!hadIndex) rmSync(`${path}-shm`, { force: true })
    }
  } catch (error) {
    const { errcode, message } = error as { errcode?: number; message: string }
    return ((errcode ?? 0) & 0xff) === SQLITE_BUSY ? { kind: 'locked' } : { kind: 'damaged', reason: message }
  }
}

/** Without a log beside it nobody uses the file, and SQLite can be kept from making one (`immutable`). */
function locationOf(path: string): URL {
  const url = pathToFileURL(path)
  if (!existsSync(`${path}-wal`)) url.searchParams.set('immutable', '1')
  return url
}

function inspect(database: DatabaseSync): Inspection {
  const isEmpty = database.prepare('SELECT 1 FROM sqlite_master LIMIT 1').get() === undefined
  if (isEmpty) return { kind: 'whole' }
  const mark = database.prepare('PRAGMA application_id').get() as { application_id: number }
  if (mark.application_id !== APPLICATION_ID) return { kind: 'foreign' }
  const { quick_check: answer } = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string }
  return answer === 'ok' ? { kind: 'whole' } : { kind: 'damaged', reason: answer }
}
