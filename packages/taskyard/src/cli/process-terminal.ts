import { EXIT } from './exit-codes.ts'
import type { Terminal } from './terminal.ts'

/** The process the command line runs in. */
export function processTerminal(): Terminal {
  let interruption: AbortController | null = null
  return {
    environment: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    interrupted() {
      interruption ??= listenForInterrupts()
      return interruption.signal
    },
    exitWith(code) {
      process.exitCode = code
    },
    now: () => Date.now(),
  }
}

/** npm passes a Ctrl-C on that the terminal has sent to us too: what comes this soon is the same one. Milliseconds. */
const SAME_INTERRUPT_MS = 1000

/** The first SIGINT or SIGTERM asks; the second one ends the process at once. */
function listenForInterrupts(): AbortController {
  const controller = new AbortController()
  let askedAt = 0
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (!controller.signal.aborted) askedAt = performance.now()
      else if (performance.now() - askedAt > SAME_INTERRUPT_MS) process.exit(EXIT.interrupted)
      controller.abort()
    })
  }
  return controller
}
