import { type Backoff, DEFAULT_BACKOFF } from '@taskyard/core'
import type { Text } from '../driver.ts'

/** Null and a missing column are null. */
export function numberOrNull(text: Text | undefined): number | null {
  return text === null || text === undefined ? null : Number(text)
}

/** The default is stored as null. */
export function backoffFromText(text: Text | undefined): Backoff {
  return text === null || text === undefined ? DEFAULT_BACKOFF : (JSON.parse(text) as Backoff)
}

const NO_TAGS: readonly string[] = []

/** No tags are stored as null. */
export function tagsFromText(text: Text | undefined): readonly string[] {
  return text === null || text === undefined ? NO_TAGS : (JSON.parse(text) as string[])
}
