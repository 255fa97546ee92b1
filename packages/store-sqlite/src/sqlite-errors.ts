import { TaskyardError } from '@taskyard/core'

// Primary result codes, https://www.sqlite.org/rescode.html; extended codes keep them in the low byte.
const SQLITE_PERM = 3
const SQLITE_BUSY = 5
const SQLITE_READONLY = 8
const SQLITE_IOERR = 10
const SQLITE_CORRUPT = 11
const SQLITE_FULL = 13
const SQLITE_CANTOPEN = 14
const SQLITE_NOTADB = 26

/** The catalogue error for whatever SQLite or the file system threw. */
export function toStoreError(error: unknown, path: string): TaskyardError {
  if (error instanceof TaskyardError) return error
  const reason = error instanceof Error ? error.message : String(error)
  const cause = { cause: error }
  switch (resultCode(error)) {
    case SQLITE_BUSY:
      return new TaskyardError('store_locked', { path }, cause)
    case SQLITE_READONLY:
      return new TaskyardError('store_read_only', { reason: `${path}: ${reason}` }, cause)
    case SQLITE_FULL:
      return new TaskyardError('store_full', { reason: `${path}: ${reason}` }, cause)
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return new TaskyardError('store_corrupt', { path, reason }, cause)
    case SQLITE_CANTOPEN:
      return new TaskyardError('store_unavailable', { reason: `${path} cannot be opened: ${reason}` }, cause)
    default:
      return fileSystemError(error, path, reason)
  }
}

/** True when SQLite certainly undid the transaction, so that running its calls again one by one is worthwhile. */
export function isOutOfSpace(error: unknown): boolean {
  return resultCode(error) === SQLITE_FULL
}

/** True when another program has a lock on the file. */
export function isLocked(error: unknown): boolean {
  return resultCode(error) === SQLITE_BUSY
}

/** True when SQLite could not open, read or write its files. */
export function isAboutTheFile(error: unknown): boolean {
  return [SQLITE_PERM, SQLITE_READONLY, SQLITE_IOERR, SQLITE_CANTOPEN].includes(resultCode(error) ?? 0)
}

function resultCode(error: unknown): number | null {
  const code = (error as { errcode?: unknown } | null)?.errcode
  return typeof code === 'number' ? code & 0xff : null
}

function fileSystemError(error: unknown, path: string, reason: string): TaskyardError {
  const code = (error as { code?: unknown } | null)?.code
  if (code === 'ENOSPC') return new TaskyardError('store_full', { reason: `${path}: ${reason}` }, { cause: error })
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') {
    return new TaskyardError('store_read_only', { reason: `${path}: ${reason}` }, { cause: error })
  }
  return new TaskyardError('store_unavailable', { reason: `${path}: ${reason}` }, { cause: error })
}
