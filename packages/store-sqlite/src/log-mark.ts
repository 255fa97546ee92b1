import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { moveLogIntoFile, saveLog } from './checkpoints.ts'
import { makeInUseFile } from './in-use-file.ts'

// While a server has the file, what was acknowledged may be in its write-ahead log alone. So the file says that it needs
// its log, and at an orderly end that it does not: whoever starts on a copy that was made without the log is told, and does
// not begin with an empty store. The mark is SQLite's own "application id", four bytes of the file's header. As long as the
// file says so there is a log with a header, unless SQLite has moved it in: in-use-file.ts.

/** "TSKY": marks the file as ours (https://www.sqlite.org/pragma.html#pragma_application_id). */
export const WHOLE_FILE = 0x54534b59
/** "TSKL": ours, and in use: the newest of it is in the log. */
export const NEEDS_LOG = 0x54534b4c

/** Where the mark is: https://www.sqlite.org/fileformat2.html#the_database_header */
export const MARK_OFFSET = 68

/** The mark of a whole file, as it stands there. */
export function wholeMark(): Buffer {
  const mark = Buffer.alloc(4)
  mark.writeUInt32BE(WHOLE_FILE)
  return mark
}

/** What the file, with the log beside it, says of itself; 0: nothing was ever in it. */
export function markOf(database: DatabaseSync): number {
  return (database.prepare('PRAGMA application_id').get() as { application_id: number }).application_id
}

/** Whether the mark is one of ours. */
export function isOurMark(mark: number): boolean {
  return mark === WHOLE_FILE || mark === NEEDS_LOG
}

/** In the file itself, before anything else is in the log alone. */
export function sayInUse(database: DatabaseSync, path: string): void {
  makeInUseFile(path)
  writeMark(database, NEEDS_LOG)
  moveLogIntoFile(database)
}

/** Everything is in the file then, and it says so; nothing is in the log. */
export function sayWhole(database: DatabaseSync): void {
  writeMark(database, WHOLE_FILE)
  saveLog(database)
}

function writeMark(database: DatabaseSync, mark: typeof WHOLE_FILE | typeof NEEDS_LOG): void {
  if (markOf(database) !== mark) database.exec(`PRAGMA application_id = ${mark}`)
}

/**
 * In a file without a log that nobody has. SQLite would make an empty log first, and whoever is killed then leaves a file that is
 * refused.
 */
export function sayWholeUnopened(path: string): void {
  const file = openSync(path, 'r+')
  try {
    writeSync(file, wholeMark(), 0, 4, MARK_OFFSET)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
