import type { Client } from '@taskyard/client'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Configuration, readConfiguration } from '../configuration/read-configuration.ts'
import { parseExactJson } from './exact-json.ts'
import { createPrinter, type Printer } from './printer.ts'
import { createProgress, type Progress } from './progress.ts'
import type { Terminal } from './terminal.ts'

/** What a command that talks to a server works with. */
export interface ServerCommand {
  readonly client: Client
  readonly url: string
  readonly terminal: Terminal
  readonly printer: Printer
  readonly progress: Progress
}

/** Gives a command `--url` and `--json`. */
export function withServerOptions(command: Command): Command {
  return withJsonOption(command.addOption(urlOption()))
}

export function urlOption(): Option {
  return new Option('--url <url>', 'server to talk to (default: TASKYARD_URL, else http://127.0.0.1:8080)').argParser(
    (text) => {
      if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text
      throw new InvalidArgumentError('Expected a URL that starts with http:// or https://.')
    },
  )
}

export function withJsonOption(command: Command): Command {
  return command.option('--json', 'print one JSON document for programs')
}

/** Opens what a command needs, runs it, closes it. */
export async function onServer(
  terminal: Terminal,
  options: { readonly url?: string; readonly json?: boolean },
  run: (command: ServerCommand) => Promise<void>,
): Promise<void> {
  const configuration = readConfiguration(terminal.environment)
  const url = serverUrl(configuration, options)
  const printer = createPrinter(terminal, options.json === true)
  const progress = createProgress(terminal)
  const { Client } = await import('@taskyard/client')
  const client = new Client({ url, retrySeconds: 0, parse: parseExactJson })
  try {
    await run({ client, url, terminal, printer, progress })
  } finally {
    progress.clear()
    await client.close()
  }
}

export function serverUrl(configuration: Configuration, options: { readonly url?: string }): string {
  return options.url ?? configuration.url
}
