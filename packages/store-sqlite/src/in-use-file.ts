import { closeSync, existsSync, fsyncSync, openSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { beside } from './beside.ts'
import { logOf } from './write-ahead-log.ts'

// Whoever closes the file last, a thread that is torn down and `sqlite3` too, has SQLite move the log into it and take the log
// away, while the file goes on saying that it needs one. So an empty file stands beside it as long as it may say so: where that
// is there and the log is not, it is the place where the file was in use, and all is in it. Beside a copy of the file it is not.

/** What stands beside a file that is in use. */
export function inUseFileOf(path: string): string {
  return beside(path, '-in-use')
}

/** Whether SQLite has moved the log of a file that says it needs one into it. */
export function wasLogMovedIn(path: string): boolean {
  return !existsSync(logOf(path)) && existsSync(inUseFileOf(path))
}

/**
 * Before the file says that it needs its log; and before SQLite opens one that may say so, which it could take the log from.
 * @returns whether it was not there
 * @throws what the file system throws
 */
export function makeInUseFile(path: string): boolean {
  const file = inUseFileOf(path)
  if (path === ':memory:' || existsSync(file)) return false
  makeEmpty(file)
  syncFolder(dirname(file))
  return true
}

/** As long as the file is locked: the next one who has it makes it anew. One that stays where it cannot be removed does no harm. */
export function removeInUseFile(path: string): void {
  try {
    if (path !== ':memory:') rmSync(inUseFileOf(path), { force: true })
  } catch {}
}

function makeEmpty(path: string): void {
  const file = openSync(path, 'a', 0o600)
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } catch {
    // Some file systems sync no folders.
  } finally {
    closeSync(folder)
  }
}
