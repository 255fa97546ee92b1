/** What a terminal or a supervisor sends to the whole group npm passes on to us as well: one that comes this soon is the same one. Milliseconds. */
const SAME_SIGNAL_MS = 1000

/**
 * Whether a signal is the last one of its kind once more.
 * @param monotonic milliseconds of a clock that nobody sets
 */
export function createRepeatedSignals(monotonic: () => number): (signal: NodeJS.Signals) => boolean {
  const lastAt = new Map<NodeJS.Signals, number>()
  return (signal) => {
    const [last, now] = [lastAt.get(signal), monotonic()]
    lastAt.set(signal, now)
    return last !== undefined && now - last < SAME_SIGNAL_MS
  }
}
