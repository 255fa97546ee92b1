/** The server's time as far as this process has seen it: tells a server whose clock was set back where time had come to. */
export interface ServerTime {
  /** The first two parameters of every statement that needs the time. */
  params(): readonly [now: number | null, atLeast: number]
  /** Takes note of a time that the server has told, and gives it. */
  saw(now: string | number): number
}

/** @param storeTime replaces the server's clock, for tests */
export function createServerTime(storeTime: (() => number) | undefined): ServerTime {
  let latest = 0
  return {
    params: () => (storeTime === undefined ? [null, latest] : [storeTime(), latest]),
    saw(now) {
      latest = Math.max(latest, Number(now))
      return Number(now)
    },
  }
}
