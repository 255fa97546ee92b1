import { TaskyardError } from '@taskyard/core'

/** What a failed call means to its caller. Errors of Taskyard pass as they are. */
export function toStoreError(error: unknown): TaskyardError {
  if (error instanceof TaskyardError) return error
  const reason = error instanceof Error ? error.message || error.name : String(error)
  return new TaskyardError(codeOf(reason), { reason, path: 'the Redis database' }, { cause: error })
}

// Refusals come before a script's first write, so they are definite. All else, a broken connection above all, leaves open
// whether the call was carried out.
function codeOf(reason: string) {
  if (/^OOM\b|OOM command not allowed/.test(reason)) return 'store_full'
  if (/MISCONF/.test(reason)) return /no space/i.test(reason) ? 'store_full' : 'store_read_only'
  if (/READONLY|NOREPLICAS/.test(reason)) return 'store_read_only'
  if (/^WRONGTYPE/.test(reason)) return 'store_corrupt'
  return 'store_unavailable'
}
