import { EXIT } from './exit-codes.ts'
import { NPM_HAS_ENDED, watchNpm } from './npm-process.ts'
import { createRepeatedSignals } from './repeated-signals.ts'
import type { Terminal } from './terminal.ts'

interface ProcessTerminal extends Terminal {
  /**
   * What was said on standard output is lost. Where nobody reads it any more, as behind `head`, what can be interrupted is, and stops in
   * order; all else ends at once. For any other reason, such as a full disk, a command has failed, and what goes on for long goes on.
   */
  outputLost(error: NodeJS.ErrnoException): void
  /** The command has ended. Whoever was told to stop waits a moment for those who read what is written, and not for ever. */
  close(): void
}

/** The process the command line runs in. */
export function processTerminal(): ProcessTerminal {
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
    monotonic: () => performance.now(),
    outputLost(error) {
      if (error.code === 'EPIPE') {
        if (interruption === null) process.exit()
        return interruption.abort()
      }
      process.exitCode = EXIT.failed
      if (interruption !== null) return
      process.stderr.write(`error: the output cannot be written: ${error.message}\n`)
      process.exit()
    },
    close() {
      if (interruption?.signal.aborted) setTimeout(() => process.exit(), LAST_LINES_MS).unref()
    },
  }
}

const LAST_LINES_MS = 1000

/** The first SIGINT or SIGTERM asks; the second one ends the process at once. */
function listenForInterrupts(): AbortController {
  const controller = new AbortController()
  const isRepeated = createRepeatedSignals(() => performance.now())
  const interrupt = (signal: NodeJS.Signals) => {
    if (isRepeated(signal)) return
    if (controller.signal.aborted) process.exit(EXIT.interrupted)
    controller.abort()
  }
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  watchNpm(process.env, () => controller.abort(NPM_HAS_ENDED))
  return controller
}
