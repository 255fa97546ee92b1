const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']

/** `1.5 GiB`: in the largest unit that leaves at least 1, with a digit after the point from GiB on. */
export function inBytes(bytes: number): string {
  const unit = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)))
  return `${(bytes / 1024 ** unit).toFixed(unit < 3 ? 0 : 1)} ${UNITS[unit]}`
}

/** `90 s`, `5 min`, `3 h`: whole seconds up to two minutes, whole minutes up to two hours. */
export function inTime(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`
}

/** `1,234,567`. */
export function inCount(count: number): string {
  return count.toLocaleString('en')
}
