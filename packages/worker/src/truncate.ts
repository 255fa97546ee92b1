import { cutToBytes, fitsBytes } from '@taskyard/core'

const MARKER = '… [truncated]'

/** The text cut to at most `maxBytes` of UTF-8, never inside a character, with a marker where something was cut off. */
export function truncateUtf8(text: string, maxBytes: number): string {
  if (fitsBytes(text, maxBytes)) return text
  return cutToBytes(text, Math.max(0, maxBytes - Buffer.byteLength(MARKER))) + MARKER
}
