const UNITS = [
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'm', ms: 60_000 },
  { name: 's', ms: 1000 },
] as const

/** A length of time for people, in its two largest units: `850 ms`, `12 s`, `3 m 20 s`, `2 d 4 h`. */
export function spokenDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.max(0, Math.round(milliseconds))} ms`
  const first = UNITS.findIndex(({ ms }) => milliseconds >= ms)
  const parts: string[] = []
  let rest = milliseconds
  for (const { name, ms } of UNITS.slice(first, first + 2)) {
    const count = Math.floor(rest / ms)
    rest -= count * ms
    if (count > 0) parts.push(`${count} ${name}`)
  }
  return parts.join(' ')
}

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
  const ago = /^(\d+)\s*([smhd])$/.exec(text)
  if (ago !== null) return now - Number(ago[1]) * (UNITS.find(({ name }) => name === ago[2]) as { ms: number }).ms
  if (!/^\d{4}-\d{2}-\d{2}([T ]|$)/.test(text)) return null
  const parsed = Date.parse(text)
  return Number.isNaN(parsed) ? null : parsed
}
