import { type Logger, pino } from 'pino'
import { type Output, paintFor, printable } from '../cli/terminal.ts'
import type { Configuration, Environment } from '../configuration/read-configuration.ts'

/** The server's log: JSON lines on `output` for programs, short lines for people when it is a terminal. */
export function createServerLog({ logLevel }: Configuration, output: Output, environment: Environment): Logger {
  const options = { level: logLevel, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"` }
  return pino(options, output.isTTY ? peopleStream(output, environment) : { write: (line) => void output.write(line) })
}

function peopleStream(output: Output, environment: Environment) {
  const paint = paintFor(output, environment)
  return {
    write(line: string) {
      const { level, time, msg, err, ...details } = JSON.parse(line)
      const [word, style] = LEVELS.get(level) ?? ['info', 'cyan']
      const rest = Object.entries(details).map(([key, value]) => `${key}=${spoken(value)}`)
      const trace = typeof err?.stack === 'string' ? `\n${err.stack.split('\n').map(printable).join('\n')}` : ''
      const [text, more] = [printable(msg), printable(rest.join(' '))]
      const parts = [paint('dim', time.slice(11, 23)), paint(style, word.padEnd(5)), text, paint('dim', more)]
      output.write(`${parts.filter((part) => part !== '').join('  ')}${trace}\n`)
    },
  }
}

function spoken(value: unknown): string {
  return typeof value === 'string' && /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value)
}

const LEVELS = new Map([
  [10, ['trace', 'dim']],
  [20, ['debug', 'dim']],
  [30, ['info', 'cyan']],
  [40, ['warn', 'yellow']],
  [50, ['error', 'red']],
  [60, ['fatal', 'red']],
] as const)
