import { closeSync, openSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { TaskyardError } from '@taskyard/core'

// While a server has the file, what was acknowledged may be in its write-ahead log alone. So the file says that it needs
// its log, and at an orderly end that it does not: whoever starts on a copy that was made without the log is told, and does
// not begin with an empty store. The mark is SQLite's own "application id", four bytes of the file's header.

/** "TSKY": marks the file as ours (https://www.sqlite.org/pragma.html#pragma_application_id). */
export const WHOLE_FILE = 0x54534b59
/** "TSKL": ours, and in use: the newest of it is in the log. */
export const NEEDS_LOG = 0x54534b4c

/** Where the mark is: https://www.sqlite.org/fileformat2.html#the_database_header */
export const MARK_OFFSET = 68

/** What the file, with the log beside it, says of itself; 0: nothing was ever in it. */
export function markOf(database: DatabaseSync): number {
  return (database.prepare('PRAGMA application_id').get() as { application_id: number }).application_id
}

/** Whether the mark is one of ours. */
export function isOurMark(mark: number): boolean {
  return mark === WHOLE_FILE || mark === NEEDS_LOG
}

/** Changes the mark, durably. */
export function writeMark(database: DatabaseSync, mark: typeof WHOLE_FILE | typeof NEEDS_LOG): void {
  if (markOf(database) !== mark) database.exec(`PRAGMA application_id = ${mark}`)
}

/**
 * @param hadLog whether there was a log before the database was opened
 * @throws TaskyardError store_log_lost
 */
export function assertLogIsThere(database: DatabaseSync, path: string, hadLog: boolean): void {
  if (!hadLog && markOf(database) === NEEDS_LOG) throw new TaskyardError('store_log_lost', { path })
}

/** The log of a database at `path`. */
export function logOf(path: string): string {
  return `${path}-wal`
}

/**
 * Closes it, which removes the log once all of it is in the file. Where the mark still asks for one, an empty one stays.
 * @param hadLog whether there was one all along
 */
export function closeDatabase(database: DatabaseSync, path: string, hadLog: boolean): void {
  const needsLog = hadLog && asksForLog(database)
  database.close()
  if (needsLog && path !== ':memory:') leaveEmptyLog(path)
}

function asksForLog(database: DatabaseSync): boolean {
  try {
    return markOf(database) === NEEDS_LOG
  } catch {
    return true
  }
}

/** Makes a log with nothing in it where there is none. */
export function leaveEmptyLog(path: string): void {
  try {
    closeSync(openSync(logOf(path), 'wx', 0o600))
  } catch {
    // It is there. Where it cannot be made, the next start refuses the file and says how it goes on.
  }
}
