import { TaskyardError } from '@taskyard/core'
import { MongoBulkWriteError, MongoError, MongoInvalidArgumentError, MongoParseError, MongoServerError } from 'mongodb'

// Server error codes: https://www.mongodb.com/docs/manual/reference/error-codes/
const UNAUTHORIZED = 13
const AUTHENTICATION_FAILED = 18
const INDEX_NOT_FOUND = 27
const OUT_OF_DISK_SPACE = 14031
const DUPLICATE_KEY = 11000
/** FerretDB: a command or option that it does not have. */
const NOT_IMPLEMENTED = 238

/** The catalogue error for whatever the driver threw. What may have been done is `store_unavailable`, which is indefinite. */
export function toStoreError(error: unknown): TaskyardError {
  if (error instanceof TaskyardError) return error
  const reason = error instanceof Error ? error.message : String(error)
  const cause = { cause: error }
  if (error instanceof MongoParseError || error instanceof MongoInvalidArgumentError) {
    return new TaskyardError('invalid_configuration', { reason }, cause)
  }
  if (error instanceof MongoServerError) {
    switch (error.code) {
      case OUT_OF_DISK_SPACE:
        return outOfSpace(error, reason)
      case UNAUTHORIZED:
      case AUTHENTICATION_FAILED:
        return new TaskyardError('invalid_configuration', { reason: `the server refuses the user: ${reason}` }, cause)
      case NOT_IMPLEMENTED:
        return new TaskyardError('internal', { reason }, cause)
    }
  }
  if (error instanceof MongoError || isSystemError(error))
    return new TaskyardError('store_unavailable', { reason }, cause)
  return new TaskyardError('internal', { reason }, cause)
}

// What a socket throws past the driver: EPIPE, ECONNRESET and the like.
function isSystemError(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && /^E[A-Z]+$/.test(code)
}

// Of an unordered batch some may have been written before the space ran out.
function outOfSpace(error: MongoServerError, reason: string): TaskyardError {
  const isPartial = error instanceof MongoBulkWriteError && error.insertedCount + error.modifiedCount > 0
  return new TaskyardError(isPartial ? 'store_unavailable' : 'store_full', { reason }, { cause: error })
}

/** A document of this id, or of this unique key, is there already. */
export function isDuplicateKey(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === DUPLICATE_KEY
}

/** An index that was to be dropped is not there. */
export function isIndexMissing(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === INDEX_NOT_FOUND
}

/**
 * Which documents of an unordered insert were there before; by index.
 * @throws what it is given, when anything else went wrong
 */
export function duplicatesOf(error: unknown): ReadonlySet<number> {
  if (!(error instanceof MongoBulkWriteError)) throw error
  const failures = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors]
  const isOnlyDuplicates = failures.length > 0 && failures.every(({ code }) => code === DUPLICATE_KEY)
  if (!isOnlyDuplicates || error.result.getWriteConcernError() !== undefined) throw error
  return new Set(failures.map(({ index }) => index))
}
