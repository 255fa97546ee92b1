import type { HistoryRecord } from '../task-history.ts'

/**
 * When a task was due after this line of its history (`retry-scheduled`, `lease-expired`, `retried`), ms. For stores that keep one
 * that has ended without the time of its last attempt.
 */
export function dueAgainAt({ kind, at, data }: Pick<HistoryRecord, 'at' | 'data'> & { readonly kind: string }): number {
  if (kind !== 'retry-scheduled' || data === null) return at
  return Date.parse((JSON.parse(data) as { retryAt: string }).retryAt)
}
