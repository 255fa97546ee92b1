import { TaskyardError } from '@taskyard/core'

/**
 * SQLSTATE codes (PostgreSQL, appendix A) of transactions that lost a race and may simply run again: serialization
 * failure, deadlock, and a check violation, which here means that a partition was attached meanwhile.
 */
const RACES = new Set(['40001', '40P01', '23514'])

/** A transaction that may simply run again: see `RACES`. */
export function isRace(error: unknown): boolean {
  return RACES.has(codeOf(error) ?? '')
}

/** A row of this key is there already. */
export function isDuplicate(error: unknown): boolean {
  return codeOf(error instanceof TaskyardError ? error.cause : error) === '23505'
}

/** A lease of another namespace than the caller's was named: `TY001` of our functions. */
export function isForeign(error: unknown): boolean {
  return codeOf(causeOf(error)) === 'TY001'
}

/** A standby, or `default_transaction_read_only`. */
export function isReadOnly(error: unknown): boolean {
  return codeOf(error) === '25006'
}

/** Of the memory that all sessions share: mostly its lock table is full. The transaction was undone. */
export function isOutOfMemory(error: unknown): boolean {
  return codeOf(causeOf(error)) === '53200'
}

/** What is short and what to do, of an error that `isOutOfMemory`. */
export function shortageReason(error: unknown): string {
  return `${reasonOf(causeOf(error))}; mostly max_locks_per_transaction is too low, see the page "Running on PostgreSQL", section "Settings"`
}

/** Somebody else has the lock, and `lock_timeout` was over. */
export function isLocked(error: unknown): boolean {
  return codeOf(causeOf(error)) === '55P03'
}

/** Rows are there already that belong into the partition to be attached. */
export function isOccupied(error: unknown): boolean {
  return codeOf(causeOf(error)) === '23514'
}

function causeOf(error: unknown): unknown {
  return error instanceof TaskyardError ? error.cause : error
}

/** The server itself has refused a statement, and so undone its transaction. Of what `toStoreError` makes. */
export function isUndone(error: unknown): boolean {
  return error instanceof TaskyardError && error.code !== 'store_unavailable'
}

/** What the driver throws, in the words of the port. */
export function toStoreError(error: unknown): TaskyardError {
  if (error instanceof TaskyardError) return error
  const reason = reasonOf(error)
  const because = (code: ConstructorParameters<typeof TaskyardError>[0]) =>
    new TaskyardError(code, { reason }, { cause: error })
  const sqlState = codeOf(error)
  switch (sqlState) {
    case '53100': // disk full: the transaction was undone
      return because('store_full')
    case '53200':
      return new TaskyardError('store_unavailable', { reason: shortageReason(error) }, { cause: error })
    case '25006': // read-only transaction
      return because('store_read_only')
    case '42501': // insufficient privilege
      return new TaskyardError(
        'store_unavailable',
        { reason: `its role lacks a right (${reason}); see the page "Tasks in PostgreSQL", section "Set up"` },
        { cause: error },
      )
    case '3F000':
    case '42P01':
    case '42883': // no schema, no table, no function
      return new TaskyardError(
        'store_unavailable',
        { reason: `its schema is missing or incomplete (${reason}); run taskyard migrate` },
        { cause: error },
      )
    default:
      return because(sqlState !== null && /^(22|23|42)/.test(sqlState) ? 'internal' : 'store_unavailable')
  }
}

/**
 * What the driver throws when it connects. Before the first statement it is parameters of the URL that the server finds
 * wrong (SQLSTATE classes 22 and 42).
 */
export function toConnectError(error: unknown): TaskyardError {
  const isParameter = /^(22|42)/.test(codeOf(error) ?? '') && codeOf(error) !== '42501'
  if (!isParameter) return toStoreError(error)
  const reason = `TASKYARD_STORE: the server refuses a parameter of the URL: ${reasonOf(error)}`
  return new TaskyardError('invalid_configuration', { reason }, { cause: error })
}

/** Of a store that is opened: a server that refuses its user (SQLSTATE class 28) is not away, and waiting does not help. */
export function asRefusal(error: unknown): unknown {
  if (!codeOf(causeOf(error))?.startsWith('28')) return error
  const reason = `TASKYARD_STORE: the server refuses the user: ${reasonOf(causeOf(error))}`
  return new TaskyardError('invalid_configuration', { reason }, { cause: error })
}

/**
 * Rejects with what went wrong after something was committed: however certain the error is, its call has had an effect.
 * @throws TaskyardError store_unavailable
 */
export function mayHaveChanged(error: unknown): never {
  throw new TaskyardError('store_unavailable', { reason: reasonOf(causeOf(error)) }, { cause: error })
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message || (error as { code?: string }).code || error.name : String(error)
}

/** The SQLSTATE; `null` for what did not come from the server. */
function codeOf(error: unknown): string | null {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : null
}
