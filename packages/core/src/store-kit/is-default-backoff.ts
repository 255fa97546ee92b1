import type { Backoff } from '../backoff.ts'
import { DEFAULT_BACKOFF } from '../backoff.ts'

/** Whether stores need not store it. */
export function isDefaultBackoff(backoff: Backoff): boolean {
  if (backoff === DEFAULT_BACKOFF) return true
  const { kind, baseSeconds, factor, maxSeconds } = DEFAULT_BACKOFF
  return (
    backoff.kind === kind &&
    backoff.baseSeconds === baseSeconds &&
    backoff.factor === factor &&
    backoff.maxSeconds === maxSeconds
  )
}
