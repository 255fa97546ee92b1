import type { TaskEventDocument } from '@taskyard/client'
import type { Command } from 'commander'
import { onServer, type ServerCommand, type ServerOptions, withServerOptions } from '../server-command.ts'
import { type Paint, printable, type Terminal } from '../terminal.ts'

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
    events.map((event) => eventLine(event, printer.paint)),
  )
}

async function follow({ client, patientClient, printer, terminal }: ServerCommand, id: string): Promise<void> {
  await client.get(id)
  for await (const event of patientClient.watch(id, { signal: terminal.interrupted() })) {
    printer.answer(event, [eventLine(event, printer.paint)])
  }
}

function eventLine({ at, kind, attempt, data }: TaskEventDocument, paint: Paint): string {
  const time = paint('dim', printable(at))
  const name = printable(kind).padEnd(16)
  return `${time}  ${attempt}  ${paint(STYLES.get(kind) ?? 'bold', name)}  ${printable(dataText(kind, data))}`.trimEnd()
}

function dataText(kind: string, data: unknown): string {
  if (data === null || data === undefined) return ''
  if (kind === 'log' && typeof data === 'object' && 'line' in data) return String(data.line)
  return JSON.stringify(data)
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
