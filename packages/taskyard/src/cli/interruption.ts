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
