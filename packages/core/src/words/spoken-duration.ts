/** As people write them after a number, the largest first. */
export const TIME_UNITS = [
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'm', ms: 60_000 },
  { name: 's', ms: 1000 },
] as const

/** A length of time for people, rounded, in its two largest units: `850 ms`, `12 s`, `3 m 20 s`, `2 d 4 h`. */
export function spokenDuration(milliseconds: number): string {
  const whole = Math.max(0, Math.round(milliseconds))
  if (whole < 1000) return `${whole} ms`
  const { ms: step } = TIME_UNITS[Math.min(unitOf(whole) + 1, TIME_UNITS.length - 1)] as (typeof TIME_UNITS)[number]
  const rounded = Math.round(whole / step) * step
  const first = unitOf(rounded)
  const parts: string[] = []
  let rest = rounded
  for (const { name, ms } of TIME_UNITS.slice(first, first + 2)) {
    const count = Math.floor(rest / ms)
    rest -= count * ms
    if (count > 0) parts.push(`${count} ${name}`)
  }
  return parts.join(' ')
}

function unitOf(milliseconds: number): number {
  return TIME_UNITS.findIndex(({ ms }) => milliseconds >= ms)
}
