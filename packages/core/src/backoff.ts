/**
 * How long to wait before attempt n + 1. With full jitter the wait is uniform between 0 and the nominal delay
 * (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). Seconds.
 */
export interface Backoff {
  readonly kind: 'exponential' | 'linear' | 'fixed'
  readonly baseSeconds: number
  /** Growth per attempt: multiplies in `exponential`, is added `baseSeconds × factor` in `linear`, unused in `fixed`. */
  readonly factor: number
  readonly maxSeconds: number
}

/** Doubles from a second to an hour. */
export const DEFAULT_BACKOFF: Backoff = { kind: 'exponential', baseSeconds: 1, factor: 2, maxSeconds: 3600 }

/**
 * The wait in whole milliseconds after `attempt` (1-based) failed.
 * @param jitter uniform in [0, 1); scales the nominal delay (full jitter) of `exponential` and `linear`
 */
export function backoffDelayMs(backoff: Backoff, attempt: number, jitter: number): number {
  const nominalSeconds = Math.min(backoff.maxSeconds, nominalDelaySeconds(backoff, attempt))
  const share = backoff.kind === 'fixed' ? 1 : jitter
  return Math.round(nominalSeconds * share * 1000)
}

/**
 * One random number spread over many tasks by the golden ratio, so that they do not all come back at once.
 * @param jitter uniform in [0, 1), as is what is returned
 * @param index 0-based, of the task
 */
export function spreadJitter(jitter: number, index: number): number {
  return (jitter + index * 0.618034) % 1
}

function nominalDelaySeconds({ kind, baseSeconds, factor }: Backoff, attempt: number): number {
  switch (kind) {
    case 'fixed':
      return baseSeconds
    case 'linear':
      return baseSeconds * (1 + factor * (attempt - 1))
    case 'exponential':
      // Zero times a growth beyond all numbers is still no wait.
      return baseSeconds === 0 ? 0 : baseSeconds * factor ** (attempt - 1)
  }
}
