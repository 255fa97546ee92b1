import type { TaskEventDocument } from '@taskyard/client'
import { spokenError, type TaskError } from '@taskyard/core'
import type { Command } from 'commander'
import { onServer, type ServerCommand, type ServerOptions, withServerOptions } from '../server-command.ts'
import { stackLines } from '../stack-lines.ts'
import { inOneLine, type Paint, printable, type Terminal } from '../terminal.ts'
import { remarkWhyWaiting } from '../waiting-remarks.ts'

interface EventsOptions extends ServerOptions {
  readonly follow?: boolean
}

/** `taskyard events`: a task's history, and with `--follow` its events as they happen. */
export function addEvents(program: Command, terminal: Terminal): void {
  const command = program
    .command('events')
    .alias('logs')
    .summary("show a task's history, progress and log")
    .description("Show a task's history in order: attempts, state changes, progress and log lines.")
    .argument('<id>', 'the task')
    .option('-f, --follow', 'go on until the task has ended; with --json one document per line')
    .addHelpText('after', EXAMPLES)
    .action((id: string, options: EventsOptions) =>
      onServer(terminal, options, (server) => (options.follow ? follow(server, id) : show(server, id))),
    )
  withServerOptions(command)
}

const EXAMPLES = `
Examples:
  taskyard events 019aa7c4-0f5e-7cc3-98f5-0c6b9b3c1d2e
  taskyard logs 019aa7c4-0f5e-7cc3-98f5-0c6b9b3c1d2e --follow`

async function show({ client, printer }: ServerCommand, id: string): Promise<void> {
  const events = await client.events(id)
  printer.answer(
    { events },
    events.flatMap((event) => eventLines(event, printer.paint)),
  )
}

async function follow(server: ServerCommand, id: string): Promise<void> {
  const { client, patientClient, printer, terminal } = server
  await client.get(id)
  const endRemarks = remarkWhyWaiting(server, id)
  for await (const event of patientClient.watch(id, { signal: terminal.interrupted() })) {
    printer.answer(event, eventLines(event, printer.paint))
  }
  endRemarks()
}

/** An event, and below it the stack of its error. */
function eventLines({ at, kind, attempt, data }: TaskEventDocument, paint: Paint): string[] {
  const time = paint('dim', printable(at))
  const name = printable(kind).padEnd(16)
  const text = printable(dataText(kind, data))
  const frames = kind !== 'progress' && isFailure(data) ? stackLines(data.error.stack ?? '', MOST_FRAMES) : []
  return [
    `${time}  ${attempt}  ${paint(STYLES.get(kind) ?? 'bold', name)}  ${text}`.trimEnd(),
    ...frames.map((frame) => paint('dim', `${' '.repeat(INDENT)}${printable(frame)}`)),
  ]
}

const MOST_FRAMES = 20
/** The width of what stands before the text of an event. */
const INDENT = 47

function dataText(kind: string, data: unknown): string {
  if (data === null || data === undefined) return ''
  if (kind === 'log' && typeof data === 'object' && 'line' in data) return String(data.line)
  if (kind === 'progress' || !isFailure(data)) return JSON.stringify(data)
  const { error, ...rest } = data
  const more = Object.keys(rest).length === 0 ? '' : `  ${JSON.stringify(rest)}`
  return `${inOneLine(spokenError(error))}${more}`
}

function isFailure(data: unknown): data is { readonly error: TaskError } {
  if (typeof data !== 'object' || data === null || !('error' in data)) return false
  const { error } = data
  return typeof error === 'object' && error !== null && 'code' in error && 'message' in error
}

const STYLES = new Map<string, Parameters<Paint>[0]>([
  ['succeeded', 'green'],
  ['failed', 'red'],
  ['lease-expired', 'red'],
  ['retry-scheduled', 'yellow'],
  ['cancelled', 'yellow'],
  ['log', 'dim'],
  ['progress', 'cyan'],
])
