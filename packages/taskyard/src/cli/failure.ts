import { TaskyardError } from '@taskyard/core'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { jsonLine, paintFor, printable, type Terminal } from './terminal.ts'

/** What `--json` gives as `code` where no error of the catalogue has ended a command, by exit code. */
export const COMMAND_CODES: Readonly<Record<number, string>> = {
  [EXIT.failed]: 'failed',
  [EXIT.usage]: 'usage',
  [EXIT.timedOut]: 'timed_out',
  [EXIT.interrupted]: 'interrupted',
}

/** Ends a command with its own words and exit code. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
  readonly exitCode: number
  /** Told to programs, besides `code` and `message` or in their place. */
  readonly details: object
  /** What there is to tell programs beside the error: some of it was done. */
  readonly answer: object

  constructor(message: string, exitCode: number, details: object = {}, answer: object = {}) {
    super(message)
    this.exitCode = exitCode
    this.details = details
    this.answer = answer
  }
}

/** The command was called wrongly: exit code `EXIT.usage`. */
export function usageFailure(message: string): CommandFailure {
  return new CommandFailure(message, EXIT.usage)
}

/** Says what went wrong: for people on stderr; with `--json` also as the one document on stdout. */
export function reportFailure(terminal: Terminal, error: unknown, json: boolean): void {
  const failure = describeFailure(error)
  const label = paintFor(terminal.stderr, terminal.environment)('red', 'error:')
  terminal.stderr.write(`${label} ${failure.lines.map(printable).join('\n  ')}\n`)
  if (json) terminal.stdout.write(`${jsonLine({ ...failure.answer, error: failure.document })}\n`)
  terminal.exitWith(failure.exitCode)
}

const PLAIN = { exitCode: EXIT.failed, details: {}, answer: {} }

/** What went wrong, for people and for programs, and the exit code that tells it. */
export function describeFailure(error: unknown) {
  if (error instanceof TaskyardError) return describeTaskyardError(error)
  const message = error instanceof Error ? error.message : String(error)
  const { exitCode, details, answer } = error instanceof CommandFailure ? error : PLAIN
  const code = COMMAND_CODES[exitCode]
  return { lines: message.split(/\n */), document: { code, message, ...details }, exitCode, answer }
}

function describeTaskyardError(error: TaskyardError) {
  const { code, message, violations, retryable } = error
  const details = violations
    .filter((violation) => !message.includes(violation.message))
    .map(({ path, message: what }) => `${path || '/'}: ${what}`)
  const lines = [...message.split('\n'), ...details, ...adviceFor(error)]
  return { lines, document: { code, message, retryable, violations }, exitCode: exitCodeOf(error), answer: {} }
}

function adviceFor({ code }: TaskyardError): string[] {
  return code === 'connection_failed'
    ? [
        'Is the server running? Start one with: taskyard start. Another address: --url or TASKYARD_URL.',
        'Tasks of a program with a store of its own are seen by a server on that store: TASKYARD_STORE=… TASKYARD_ROLES=api,scheduler taskyard start',
      ]
    : []
}
