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

/** The first SIGINT or SIGTERM asks; the second one ends the process at once. */
function listenForInterrupts(): AbortController {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(EXIT.interrupted)
      controller.abort()
    })
  }
  return controller
}
