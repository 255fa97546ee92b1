import type { TaskyardError } from '@taskyard/core'
import { OPERATIONS, type OperationName } from './operations/index.ts'
import { isOutOfSpace, toStoreError } from './sqlite-errors.ts'
import { reloadState, type State } from './state.ts'

export interface Call {
  readonly operation: OperationName
  readonly params: unknown
  /** The adapter's clock when the call was made, ms. */
  readonly now: number
}

export type Answer = { readonly value: unknown } | { readonly error: TaskyardError }

/**
 * Runs all calls in one transaction, so that they share one sync of the disk. When one of them fails, all are undone
 * and each is run again in a transaction of its own: a bad call harms only itself.
 */
export function commitTogether(state: State, calls: readonly Call[]): Answer[] {
  try {
    return runInTransaction(state, calls)
  } catch (error) {
    if (calls.length === 1 || isCommitFailure(error))
      return calls.map(() => ({ error: toStoreError(error, state.path) }))
    return calls.map((call) => commitAlone(state, call))
  }
}

function commitAlone(state: State, call: Call): Answer {
  try {
    return runInTransaction(state, [call])[0] as Answer
  } catch (error) {
    return { error: toStoreError(error, state.path) }
  }
}

function runInTransaction(state: State, calls: readonly Call[]): Answer[] {
  const { database } = state
  database.exec('BEGIN IMMEDIATE')
  try {
    const answers = calls.map((call) => ({ value: run(state, call) }))
    state.counters.flush()
    commit(state)
    return answers
  } catch (error) {
    undo(state)
    throw error
  }
}

function run(state: State, { operation, params, now }: Call): unknown {
  const perform = OPERATIONS[operation] as (state: State, params: unknown, now: number) => unknown
  return perform(state, params, now)
}

/** A failed commit may or may not be on the disk: its calls must not be run again here. */
class CommitFailure extends Error {}

function commit(state: State): void {
  try {
    state.database.exec('COMMIT')
  } catch (error) {
    if (isOutOfSpace(error)) throw error
    throw new CommitFailure(String(error), { cause: error })
  }
}

function isCommitFailure(error: unknown): boolean {
  return error instanceof CommitFailure
}

function undo(state: State): void {
  if (state.database.isTransaction) state.database.exec('ROLLBACK')
  reloadState(state)
}
