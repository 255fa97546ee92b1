import type { TaskyardError } from '@taskyard/core'
import { OPERATIONS, type OperationName, READS } from './operations/index.ts'
import { noteSkipped, shiftLeases } from './skipped-time.ts'
import { isOutOfSpace, toStoreError } from './sqlite-errors.ts'
import { markMemory, reloadState, type State } from './state.ts'

export interface Call {
  readonly operation: OperationName
  readonly params: unknown
  /** The adapter's clock when the call was made, ms. */
  readonly now: number
  /** See `StoreTime`. */
  readonly skippedMs?: number
}

export type Answer = { readonly value: unknown } | { readonly error: TaskyardError }

/**
 * Runs all calls in one transaction, so that they share one sync of the disk. When one of them fails, all are undone
 * and the others run together again: a bad call harms only itself. On a full disk each is run alone, since some may fit.
 */
export function commitTogether(state: State, calls: readonly Call[]): Answer[] {
  try {
    return runInTransaction(state, calls)
  } catch (error) {
    if (calls.length === 1 || error instanceof CommitFailure) return calls.map(() => failure(state, error))
    if (error instanceof CallFailure && !isOutOfSpace(error.cause)) return commitOthers(state, calls, error)
    return calls.map((call) => commitAlone(state, call))
  }
}

function commitOthers(state: State, calls: readonly Call[], failed: CallFailure): Answer[] {
  const answers = commitTogether(state, calls.toSpliced(failed.index, 1))
  return answers.toSpliced(failed.index, 0, failure(state, failed))
}

function commitAlone(state: State, call: Call): Answer {
  try {
    return runInTransaction(state, [call])[0] as Answer
  } catch (error) {
    return failure(state, error)
  }
}

function failure(state: State, error: unknown): Answer {
  return { error: toStoreError(error instanceof CallFailure ? error.cause : error, state.path) }
}

function runInTransaction(state: State, calls: readonly Call[]): Answer[] {
  undoLast(state)
  const putBack = markMemory(state)
  state.sql('BEGIN IMMEDIATE').run()
  try {
    const answers = calls.map((call, index) => ({ value: run(state, call, index) }))
    state.counters.flush()
    commit(state)
    return answers
  } catch (error) {
    putBack()
    state.mustUndo = true
    // What cannot be undone now is before the next transaction, which tells why it cannot. This error says what became of the calls.
    try {
      undoLast(state)
    } catch {}
    throw error
  }
}

function undoLast(state: State): void {
  if (!state.mustUndo) return
  if (state.database.isTransaction) state.sql('ROLLBACK').run()
  reloadState(state)
  state.mustUndo = false
}

/** One of the calls threw: which, and why. */
class CallFailure extends Error {
  readonly index: number

  constructor(index: number, cause: unknown) {
    super(String(cause), { cause })
    this.index = index
  }
}

function run(state: State, { operation, params, now, skippedMs = 0 }: Call, index: number): unknown {
  const perform = OPERATIONS[operation] as (state: State, params: unknown, now: number) => unknown
  try {
    noteSkipped(state, skippedMs)
    if (!READS.has(operation)) shiftLeases(state)
    return perform(state, params, now)
  } catch (error) {
    throw new CallFailure(index, error)
  }
}

/** A failed commit may or may not be on the disk: its calls must not be run again here. */
class CommitFailure extends Error {}

function commit(state: State): void {
  try {
    state.sql('COMMIT').run()
  } catch (error) {
    if (isOutOfSpace(error)) throw error
    throw new CommitFailure(String(error), { cause: error })
  }
}
