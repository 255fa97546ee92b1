import { setTimeout as sleep } from 'node:timers/promises'
import type { QueueDocument } from '@taskyard/client'
import { closestName, TaskyardError } from '@taskyard/core'
import type { Command } from 'commander'
import { usageFailure } from '../failure.ts'
import { createLiveScreen } from '../live-screen.ts'
import { queueName, seconds } from '../options.ts'
import { queueLine, queueTableLines } from '../queue-lines.ts'
import { onServer, type ServerCommand, type ServerOptions, withServerOptions } from '../server-command.ts'
import { shortened, type Terminal } from '../terminal.ts'

interface QueuesOptions extends ServerOptions {
  readonly watch?: boolean
  readonly interval: number
}

/** `taskyard queues`: the queues and their counts, once or live, and pause and resume. */
export function addQueues(program: Command, terminal: Terminal): void {
  const command = program
    .command('queues')
    .summary('show queues, live with --watch; pause and resume them')
    .description(
      'Show every queue: how many tasks are in each state, how old the oldest ready one is, tasks per second.',
    )
    .argument('[queue]', 'this one alone')
    .allowExcessArguments()
    .option('--watch', 'keep showing, until Ctrl-C; with --json one document per line')
    .option('--interval <seconds>', 'between two looks', seconds(0.2, 3600), 1)
    .addHelpText('after', EXAMPLES)
    .action((queue: string | undefined, options: QueuesOptions, self: Command) => {
      refuseMore(self)
      return onServer(terminal, options, (server) =>
        options.watch ? watch(server, queue, options.interval) : show(server, queue),
      )
    })
  withServerOptions(command)
  addSwitch(command, terminal, 'pause', 'stop giving out tasks of a queue; running ones go on')
  addSwitch(command, terminal, 'resume', 'give out tasks of a paused queue again')
}

const EXAMPLES = `
Examples:
  taskyard queues
  taskyard queues --watch
  taskyard queues pause mail`

function addSwitch(queues: Command, terminal: Terminal, name: 'pause' | 'resume', description: string): void {
  const command = queues
    .command(name)
    .description(description)
    .argument('<queue>', 'its name', queueName)
    .action((queue: string, _: unknown, self: Command) =>
      onServer(terminal, self.optsWithGlobals(), async ({ client, printer }) => {
        // One may be paused in advance; to resume what nobody knows is to have misspelt it.
        if (name === 'resume') await client.queue(queue)
        await client[name](queue)
        printer.answer({ queue, paused: name === 'pause' }, [`${queue} is ${name === 'pause' ? 'paused' : 'running'}`])
      }),
    )
  withServerOptions(command)
}

/** The parser takes the name of a subcommand that it does not know for that of a queue. */
function refuseMore({ args, commands }: Command): void {
  if (args.length < 2) return
  const names = commands.map((command) => command.name())
  const closest = closestName(args[0] as string, names)
  throw usageFailure(
    `there is no taskyard queues ${args[0]}; ${closest === null ? `there are ${names.join(' and ')}` : `did you mean ${closest}?`}`,
  )
}

async function show({ client, printer }: ServerCommand, queue: string | undefined): Promise<void> {
  if (queue !== undefined) {
    const found = await client.queue(queue)
    return printer.answer(found, queueTableLines([found], printer))
  }
  const queues = await client.queues()
  const lines =
    queues.length === 0 ? ['no queues yet: a queue appears with its first task'] : queueTableLines(queues, printer)
  printer.answer({ queues }, lines)
}

async function watch(server: ServerCommand, queue: string | undefined, intervalSeconds: number): Promise<void> {
  const { terminal, printer } = server
  const signal = terminal.interrupted()
  const live = !printer.json && terminal.stdout.isTTY === true
  const screen = live ? createLiveScreen(terminal.stdout) : null
  try {
    while (!signal.aborted) {
      const look = await lookAtQueues(server, queue)
      if (signal.aborted) break
      if (screen !== null) screen.draw(livePicture(server, look))
      else writeLook(server, look)
      await sleep(intervalSeconds * 1000, undefined, { signal }).catch(() => {})
    }
  } finally {
    screen?.end()
  }
}

type Look = { readonly queues: readonly QueueDocument[] } | { readonly unreachable: TaskyardError }

/** A watch outlives an outage of the server: it shows that there is one. */
async function lookAtQueues({ client }: ServerCommand, queue: string | undefined): Promise<Look> {
  try {
    return { queues: queue === undefined ? await client.queues() : [await client.queue(queue)] }
  } catch (error) {
    if (error instanceof TaskyardError && error.retryable) return { unreachable: error }
    throw error
  }
}

function livePicture({ url, terminal, printer }: ServerCommand, look: Look): string[] {
  const { paint, width = 80 } = terminal.stdout.columns ? { ...printer, width: terminal.stdout.columns } : printer
  const time = new Date(terminal.now()).toISOString().slice(11, 19)
  const heading = paint('dim', shortened(`${url}  ${time} UTC  Ctrl-C ends`, width))
  if ('unreachable' in look) return [heading, '', paint('red', shortened(look.unreachable.message, width))]
  const table = look.queues.length === 0 ? ['no queues yet'] : queueTableLines(look.queues, { ...printer, width })
  return [heading, '', ...table]
}

function writeLook({ terminal, printer }: ServerCommand, look: Look): void {
  const at = new Date(terminal.now()).toISOString()
  if ('unreachable' in look) {
    const { code, message } = look.unreachable
    printer.answer({ at, error: { code, message } }, [`${at}  ${message}`])
    return
  }
  printer.answer(
    { at, queues: look.queues },
    look.queues.map((queue) => `${at}  ${queueLine(queue)}`),
  )
}
