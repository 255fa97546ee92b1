const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|[+-](\d\d):(\d\d))$/

type Numbers = [number, number, number, number, number, number, number, number]

/** Milliseconds since the Unix epoch of an RFC 3339 time; `null` when it is none. Leap seconds are not accepted. */
export function parseRfc3339(text: string): number | null {
  const match = RFC3339.exec(text)
  if (match === null) return null
  const numbers = match.slice(1).map((part) => Number(part ?? 0)) as Numbers
  const [year, month, day, hour, minute, second, offsetHour, offsetMinute] = numbers
  if (hour > 23 || minute > 59 || second > 59 || offsetHour > 23 || offsetMinute > 59) return null
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return null
  return Date.parse(text.toUpperCase())
}

/** Milliseconds since the Unix epoch as an RFC 3339 time in UTC, with milliseconds. */
export function formatRfc3339(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}

function daysInMonth(year: number, month: number): number {
  return new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate()
}
