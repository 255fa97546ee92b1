import { TaskyardError } from '@taskyard/core'

/** Whether nobody foresaw this failure: a call that serves several callers may have failed for one of them alone. */
export function isUnexpected(error: unknown): boolean {
  return !(error instanceof TaskyardError) || error.code === 'internal'
}
