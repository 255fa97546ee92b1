/** What was seen of a server at one moment of a soak. */
export interface Sample {
  readonly residentBytes: number
  readonly openFiles: number
  /** As the store says; `null` where it does not know. */
  readonly storeBytes: number | null
  /** Tasks that wait or run. */
  readonly unfinished: number
  readonly submitMs: number
}

export interface Growth {
  readonly what: string
  readonly before: number
  readonly after: number
  readonly limit: number
}

const MEBIBYTE = 1024 * 1024

/** How much more the last quarter may show than the second one: the first is warm-up. */
const ALLOWED: Readonly<Record<keyof Sample, (before: number) => number>> = {
  residentBytes: (before) => before * 1.2 + 32 * MEBIBYTE,
  openFiles: (before) => before + 10,
  storeBytes: (before) => before * 1.3 + 16 * MEBIBYTE,
  unfinished: (before) => before + 1000,
  submitMs: (before) => before * 2 + 100,
}

/** What grew although nothing was kept: medians of the second quarter beside those of the last. */
export function growths(samples: readonly Sample[]): readonly Growth[] {
  const quarter = Math.floor(samples.length / 4)
  const second = samples.slice(quarter, 2 * quarter)
  const last = samples.slice(-quarter)
  return (Object.keys(ALLOWED) as (keyof Sample)[]).map((what) => {
    const [before, after] = [medianOf(second, what), medianOf(last, what)]
    return { what, before, after, limit: ALLOWED[what](before) }
  })
}

export function isBounded({ after, limit }: Growth): boolean {
  return after <= limit
}

function medianOf(samples: readonly Sample[], what: keyof Sample): number {
  const values = samples.map((sample) => sample[what] ?? 0).sort((one, other) => one - other)
  return values[Math.floor(values.length / 2)] ?? 0
}
