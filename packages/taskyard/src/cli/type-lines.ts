import type { TaskTypeDocument } from '@taskyard/client'
import { type Backoff, DEFAULT_BACKOFF, spokenDuration } from '@taskyard/core'
import { type Column, type TableOptions, tableLines } from './table.ts'

const COLUMNS: readonly Column[] = [
  { title: 'TYPE', least: 12 },
  { title: 'ATTEMPTS', align: 'right' },
  { title: 'TIME-OUT', align: 'right' },
  { title: 'BACKOFF', dropRank: 1 },
]
const AS_EVERY_TYPE = '·'

/** Lines of a table of types; `·`: as every type. */
export function typeTableLines(types: readonly TaskTypeDocument[], options: TableOptions): readonly string[] {
  const rows = types.map(({ type, maxAttempts, timeoutSeconds, backoff }) => [
    { text: type },
    { text: maxAttempts === undefined ? AS_EVERY_TYPE : `${maxAttempts}` },
    { text: timeoutSeconds === undefined ? AS_EVERY_TYPE : spokenTimeout(timeoutSeconds) },
    { text: backoff === undefined ? AS_EVERY_TYPE : spokenBackoff(backoff) },
  ])
  return tableLines(COLUMNS, rows, options)
}

/** One type in words. */
export function typeLine({ type, maxAttempts, timeoutSeconds, backoff }: TaskTypeDocument): string {
  const own = [
    ...(maxAttempts === undefined ? [] : [`${maxAttempts} ${maxAttempts === 1 ? 'attempt' : 'attempts'}`]),
    ...(timeoutSeconds === undefined ? [] : [`time-out ${spokenTimeout(timeoutSeconds)}`]),
    ...(backoff === undefined ? [] : [`backoff ${spokenBackoff(backoff)}`]),
  ]
  return own.length === 0 ? `${type} is as every type` : `${type}: ${own.join(', ')}`
}

/** How long an attempt may run. */
export function spokenTimeout(seconds: number | null): string {
  return seconds === null ? 'none' : spokenDuration(seconds * 1000)
}

/** `fixed 30 s`, `linear 10 s ×2 to 1 h`. */
function spokenBackoff(given: Partial<Backoff>): string {
  const { kind, baseSeconds, factor, maxSeconds } = { ...DEFAULT_BACKOFF, ...given }
  const base = spokenDuration(baseSeconds * 1000)
  return kind === 'fixed' ? `fixed ${base}` : `${kind} ${base} ×${factor} to ${spokenDuration(maxSeconds * 1000)}`
}
