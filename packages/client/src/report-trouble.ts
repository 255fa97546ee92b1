import type { Clock } from '@taskyard/core'
import { guarded, type ReportError, rateLimited } from '@taskyard/worker'

/** Tells of trouble by `onError`, else on the console, where the same is told at most every 30 s. What it throws goes there, too. */
export function troubleReport(onError: ReportError | undefined, clock: Clock): ReportError {
  return guarded(onError ?? rateLimited(consoleWarning, clock), consoleWarning)
}

/** Where trouble goes that nobody takes. */
export function consoleWarning(error: unknown, during: string): void {
  console.warn(`taskyard: ${during}: ${error instanceof Error ? error.message : String(error)}`)
}
