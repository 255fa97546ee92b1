/** A sample older than this is replaced, in the background. Milliseconds. */
const RESAMPLE_MS = 10_000
/** A sample is preferred to a newer but less exact one for so long: clocks drift by a few ppm, this much by about 1 ms. */
const SAMPLE_LIFE_MS = 30_000
/** Time stands still while the server's clock is behind by up to this; when it is further behind, it is followed. */
const LARGEST_HOLD_MS = 5_000
/** The two clocks of a machine that agree to within this were not parted by a suspension. */
const SUSPENDED_MS = 500

export interface ServerClock {
  /** The server's time, ms, within half a round trip. Steps back of up to 5 s hold it still; it never runs back by them. */
  now(): number
  /** Makes sure that there is a sample, and one that was taken after this machine was last suspended. */
  sample(): Promise<void>
}

/** Milliseconds. */
export interface MachineClocks {
  /** Nobody sets it; it may stand still while the machine is suspended. */
  monotonic(): number
  timeOfDay(): number
}

interface Sample {
  /** The server's time minus ours. */
  readonly offset: number
  /** Half of the round trip. */
  readonly error: number
  readonly takenAt: number
  /** This machine's time of day minus its monotonic clock, when the sample was begun. */
  readonly day: number
}

/**
 * The server's clock, kept from `hello.localTime` and this machine's monotonic clock, by Cristian's method
 * (F. Cristian, "Probabilistic clock synchronization", Distributed Computing 3, 1989): the reading is taken for the
 * middle of its round trip. This machine's time of day only tells that the monotonic clock may have stood still: when the
 * two have parted, because the machine was suspended or its time was set, no sample of before is used.
 */
export function createServerClock(readServerTime: () => Promise<number>, machine: MachineClocks): ServerClock {
  let best: Sample | null = null
  let last = 0
  let sampledAt = 0
  let sampling: Promise<void> | null = null

  const day = () => machine.timeOfDay() - machine.monotonic()
  const isOutdated = (sample: Sample) => haveDrifted(sample.day, day())

  async function take(): Promise<void> {
    const begun = { day: day(), sentAt: machine.monotonic() }
    sampledAt = begun.sentAt
    const serverTime = await readServerTime()
    const takenAt = machine.monotonic()
    const middle = (begun.sentAt + takenAt) / 2
    const sample = { offset: serverTime - middle, error: (takenAt - begun.sentAt) / 2, takenAt, day: begun.day }
    if (best === null || isBetter(sample, best)) best = sample
  }

  function resample(): Promise<void> {
    sampling ??= take().finally(() => {
      sampling = null
    })
    return sampling
  }

  return {
    now() {
      const elapsed = machine.monotonic()
      if (best === null) throw new Error('the server clock has no sample yet')
      if (elapsed - sampledAt > RESAMPLE_MS || isOutdated(best)) resample().catch(() => {})
      const reading = Math.floor(elapsed + best.offset)
      if (reading > last || last - reading > LARGEST_HOLD_MS) last = reading
      return last
    },
    async sample() {
      // Again, if the machine was suspended while a sample was under way.
      while (best === null || isOutdated(best)) await resample()
    },
  }
}

function isBetter(sample: Sample, best: Sample): boolean {
  const isStale = sample.takenAt - best.takenAt > SAMPLE_LIFE_MS || haveDrifted(sample.day, best.day)
  // The server's clock was set, or another server is primary now.
  const contradicts = Math.abs(sample.offset - best.offset) > sample.error + best.error + 2
  return isStale || contradicts || sample.error <= best.error
}

function haveDrifted(day: number, later: number): boolean {
  return Math.abs(later - day) > SUSPENDED_MS
}

/** The time of a test, kept from running backwards. */
export function createGivenClock(storeTime: () => number): ServerClock {
  let last = 0
  return {
    now() {
      last = Math.max(last, storeTime())
      return last
    },
    sample: async () => {},
  }
}
