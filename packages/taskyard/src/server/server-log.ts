import { type Logger, pino } from 'pino'
import { type Output, paintFor, printable } from '../cli/terminal.ts'
import type { Configuration, Environment } from '../configuration/read-configuration.ts'

/**
 * The log of a server: on a terminal short lines for people, else one JSON document on each line, as everything that such a
 * server writes: `{"level":"info","time":"2026-03-01T08:00:00.000Z","msg":"…",…}`.
 */
export function createServerLog(
  { logLevel }: Pick<Configuration, 'logLevel'>,
  output: Output,
  environment: Environment,
): Logger {
  const options = {
    level: logLevel,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  const stream = output.isTTY ? peopleStream(output, environment) : { write: (line: string) => void output.write(line) }
  const log: Logger = pino(
    options,
    boundUnread(output, stream, (lines) => log.warn({ lines }, LINES_GONE)),
  )
  return log
}

interface LineStream {
  write(line: string): void
}

/** Of a log that nobody reads the process keeps so much, in bytes. */
const MOST_UNREAD = 1_048_576
const LINES_GONE = 'lines of the log found no reader and are gone'

/** @param tell is called when there is room again, with the number of lines that there was none for */
function boundUnread(output: Output, stream: LineStream, tell: (lines: number) => void): LineStream {
  let gone = 0
  return {
    write(line) {
      if ((output.writableLength ?? 0) > MOST_UNREAD) return void gone++
      const lines = gone
      gone = 0
      if (lines > 0) tell(lines)
      stream.write(line)
    },
  }
}

function peopleStream(output: Output, environment: Environment): LineStream {
  const paint = paintFor(output, environment)
  return {
    write(line) {
      const { level, time, msg, err, ...details } = JSON.parse(line)
      const rest = Object.entries(details).map(([key, value]) => `${key}=${spoken(value)}`)
      const trace = typeof err?.stack === 'string' ? `\n${err.stack.split('\n').map(printable).join('\n')}` : ''
      const [text, more] = [printable(msg), printable(rest.join(' '))]
      const word = paint(STYLES[level as keyof typeof STYLES] ?? 'cyan', String(level).padEnd(5))
      const parts = [paint('dim', timeOfDay(new Date(time))), word, text, paint('dim', more)]
      output.write(`${parts.filter((part) => part !== '').join('  ')}${trace}\n`)
    },
  }
}

/** By the clock of whoever looks at the terminal: `TZ`, or that of the machine. */
function timeOfDay(time: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const milliseconds = String(time.getMilliseconds()).padStart(3, '0')
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${milliseconds}`
}

function spoken(value: unknown): string {
  return typeof value === 'string' && /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value)
}

const STYLES = { trace: 'dim', debug: 'dim', info: 'cyan', warn: 'yellow', error: 'red', fatal: 'red' } as const
