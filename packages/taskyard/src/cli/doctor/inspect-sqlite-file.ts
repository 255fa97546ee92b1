import { existsSync, rmSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import {
  beside,
  DatabaseSync,
  hasLog,
  isOurMark,
  markOf,
  NEEDS_LOG,
  wasLogMovedIn,
} from '@taskyard/store-sqlite/sqlite'

export type Inspection =
  | { readonly kind: 'whole' | 'locked' | 'foreign' | 'log-lost' }
  | { readonly kind: 'damaged'; readonly reason: string }

const SQLITE_BUSY = 5

/** Reads a store's file without changing it. A running server keeps it locked. */
export function inspectSqliteFile(path: string): Inspection {
  const isLogThere = hasLog(path)
  const index = beside(path, '-shm')
  const hadIndex = existsSync(index)
  try {
    const database = new DatabaseSync(locationOf(path, isLogThere), { readOnly: true, timeout: 0 })
    try {
      return inspect(database, path)
    } finally {
      database.close()
      // Left behind by another user, it would keep the server from its own file.
      if (!hadIndex) rmSync(index, { force: true })
    }
  } catch (error) {
    const { errcode, message } = error as { errcode?: number; message: string }
    return ((errcode ?? 0) & 0xff) === SQLITE_BUSY ? { kind: 'locked' } : { kind: 'damaged', reason: message }
  }
}

/** Without a log beside it nobody uses the file, and SQLite can be kept from making one (`immutable`). */
function locationOf(path: string, isLogThere: boolean): URL {
  const url = pathToFileURL(path)
  if (!isLogThere) url.searchParams.set('immutable', '1')
  return url
}

function inspect(database: DatabaseSync, path: string): Inspection {
  const isEmpty = database.prepare('SELECT 1 FROM sqlite_master LIMIT 1').get() === undefined
  if (isEmpty) return { kind: 'whole' }
  const mark = markOf(database)
  if (!isOurMark(mark)) return { kind: 'foreign' }
  if (mark === NEEDS_LOG && !hasLog(path) && !wasLogMovedIn(path)) return { kind: 'log-lost' }
  const { quick_check: answer } = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string }
  return answer === 'ok' ? { kind: 'whole' } : { kind: 'damaged', reason: answer }
}
