import type { Clock } from '@taskyard/core'
import { warnOnConsole } from './runtime.ts'

export type ReportError = (error: unknown, during: string) => void

/** Trouble that goes on is told again after so long. */
const AGAIN_MS = 30_000
const MOST_REMEMBERED = 100

/** Tells the same trouble at most once in a while, by default 30 s: what fails every second in an outage is a line, not a page. */
export function rateLimited(report: ReportError, { now }: Pick<Clock, 'now'>, againMs = AGAIN_MS): ReportError {
  const reportedAt = new Map<string, number>()
  return (error, during) => {
    const key = `${during}: ${error instanceof Error ? error.message : String(error)}`
    const time = now()
    if (time - (reportedAt.get(key) ?? Number.NEGATIVE_INFINITY) < againMs) return
    if (reportedAt.size >= MOST_REMEMBERED) reportedAt.clear()
    reportedAt.set(key, time)
    report(error, during)
  }
}

/** Calls somebody else's listener: what it throws, or rejects with, is reported. */
export function callListener(report: ReportError, during: string, listener: () => unknown): void {
  try {
    Promise.resolve(listener()).catch((error: unknown) => report(error, during))
  } catch (error) {
    report(error, during)
  }
}

/** Somebody else's `onError`: what it throws, or rejects with, goes to `warn`, and takes nothing with it. */
export function guarded(report: ReportError, warn: ReportError = warnOnConsole): ReportError {
  return (error, during) => callListener(warn, `onError, told of trouble during ${during}`, () => report(error, during))
}
