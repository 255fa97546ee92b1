import { spokenDuration, TIME_UNITS } from '@taskyard/core'

export { spokenDuration }

/** `3 s ago`, or `in 5 m` for what is to come. */
export function spokenDistance(time: string, now: number): string {
  const ms = now - Date.parse(time)
  if (Math.abs(ms) < 1000) return 'now'
  return ms > 0 ? `${spokenDuration(ms)} ago` : `in ${spokenDuration(-ms)}`
}

/**
 * A point in time as a person gives it: RFC 3339 (`2026-03-01T08:00:00Z`, `2026-03-01`), or how long ago (`90s`, `15m`,
 * `2h`, `7d`). Milliseconds since the epoch; `null` for anything else.
 */
export function readPastTime(text: string, now: number): number | null {
  const ago = /^\d+\s*[smhd]$/.test(text) ? readSeconds(text) : null
  if (ago !== null) return now - ago * 1000
  if (!/^\d{4}-\d{2}-\d{2}([T ]|$)/.test(text)) return null
  const parsed = Date.parse(text)
  return Number.isNaN(parsed) ? null : parsed
}

/** A length of time as a person gives it, in seconds: `90`, `0.5`, `90s`, `15m`, `2h`, `7d`; `null` for anything else. */
export function readSeconds(text: string): number | null {
  const [, count, unit = 's'] = /^(\d+(?:\.\d+)?)\s*([smhd])?$/.exec(text) ?? []
  const ms = TIME_UNITS.find(({ name }) => name === unit)?.ms
  return count === undefined || ms === undefined ? null : (Number(count) * ms) / 1000
}

/** As {@link spokenDistance}, in the largest unit alone, for columns. */
export function briefDistance(time: string, now: number): string {
  return spokenDistance(time, now).replace(/(\d+ [dhm]) \d+ \w+/, '$1')
}
