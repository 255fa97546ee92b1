import type { Terminal } from './terminal.ts'

/** Resolves at the first Ctrl-C or SIGTERM, and keeps the process alive until then. */
export function untilInterrupted(terminal: Terminal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const signal = terminal.interrupted()
  if (signal.aborted) resolve()
  else {
    const staysAlive = setInterval(() => {}, 2 ** 31 - 1)
    signal.addEventListener('abort', () => resolve(), { once: true })
    promise.then(() => clearInterval(staysAlive))
  }
  return promise
}

/**
 * What comes of the work, unless the signal aborts first.
 * @throws the reason of the signal
 */
export function unlessAborted<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>()
  signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  if (signal.aborted) reject(signal.reason)
  return Promise.race([work, promise])
}
