import { TaskyardError } from '@taskyard/core'

/** What a failed call means to its caller. Errors of Taskyard pass as they are. */
export function toStoreError(error: unknown): TaskyardError {
  if (error instanceof TaskyardError) return error
  const message = error instanceof Error ? error.message || error.name : String(error)
  const reason = PLAIN_WORDS.find(([pattern]) => pattern.test(message))?.[1] ?? message
  return new TaskyardError(codeOf(reason), { reason, path: 'the Redis database' }, { cause: error })
}

/** What the client's own messages mean. */
const PLAIN_WORDS: readonly (readonly [RegExp, string])[] = [
  [/max retries per request/, 'the connection to Redis broke before the answer came'],
  [/enableOfflineQueue|^Connection is closed/, 'there is no connection to Redis now'],
  [/^Failed to refresh slots cache|None of startup nodes/, 'no node of the Redis Cluster can be reached now'],
]

// Refusals come before a script's first write, so they are definite. All else, a broken connection above all, leaves open
// whether the call was carried out.
function codeOf(reason: string) {
  if (/^OOM\b|OOM command not allowed/.test(reason)) return 'store_full'
  if (/MISCONF/.test(reason)) return /no space/i.test(reason) ? 'store_full' : 'store_read_only'
  if (/READONLY|NOREPLICAS/.test(reason)) return 'store_read_only'
  if (/^WRONGTYPE/.test(reason)) return 'store_corrupt'
  return 'store_unavailable'
}
