import type { Client } from '@taskyard/client'
import { DEFAULTS, isName, nameRule } from '@taskyard/core'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Configuration, readConfiguration } from '../configuration/read-configuration.ts'
import { parseExactJson } from './exact-json.ts'
import { createPrinter, type Printer } from './printer.ts'
import { createProgress, type Progress } from './progress.ts'
import type { Terminal } from './terminal.ts'

/** What a command that talks to a server works with. */
export interface ServerCommand {
  /** Says at once when the server is not there. */
  readonly client: Client
  /** Waits out restarts of the server: for waiting and following. */
  readonly patientClient: Client
  readonly url: string
  /** What a further command needs to mean the same server and namespace: ` --namespace acme`, or nothing. */
  readonly sameServer: string
  readonly terminal: Terminal
  readonly printer: Printer
  readonly progress: Progress
}

/** Which server, and how it is answered. */
export interface ServerOptions {
  readonly url?: string
  readonly namespace?: string
  readonly json?: boolean
}

/** How long a command that waits lets a server be away. */
const OUTAGE_SECONDS = 60

/** Gives a command `--url`, `--namespace` and `--json`. */
export function withServerOptions(command: Command): Command {
  return withJsonOption(command.addOption(urlOption()).addOption(namespaceOption()))
}

/** `--url`, which `TASKYARD_URL` sets too. */
export function urlOption(fallback = 'http://127.0.0.1:8080'): Option {
  return new Option('--url <url>', `server to talk to (default: TASKYARD_URL, else ${fallback})`).argParser((text) => {
    if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text
    throw new InvalidArgumentError('Expected a URL that starts with http:// or https://.')
  })
}

/** `--namespace`, which overrides its variable. */
export function namespaceOption(): Option {
  const described = `whose tasks, queues and workers (default: TASKYARD_NAMESPACE, else ${DEFAULTS.namespace})`
  return new Option('--namespace <name>', described).argParser((text) => {
    if (isName(text)) return text
    throw new InvalidArgumentError(`Expected a namespace: ${nameRule('namespace')}.`)
  })
}

/** Adds `--json`. */
export function withJsonOption(command: Command): Command {
  return command.option('--json', 'print one JSON document for programs')
}

/** Opens what a command needs, runs it, closes it. */
export async function onServer(
  terminal: Terminal,
  options: ServerOptions,
  run: (command: ServerCommand) => Promise<void>,
): Promise<void> {
  const configuration = readConfiguration(terminal.environment)
  const url = serverUrl(configuration, options)
  const printer = createPrinter(terminal, options.json === true)
  const progress = createProgress(terminal)
  const { Client } = await import('@taskyard/client')
  const { namespace = configuration.namespace } = options
  // Why a task waits is said as commands speak, see waiting-remarks.ts.
  const clientOptions = { url, namespace, parse: parseExactJson, onError: () => {} }
  const client = new Client({ ...clientOptions, retrySeconds: 0 })
  const patientClient = new Client({ ...clientOptions, retrySeconds: OUTAGE_SECONDS })
  // Pauses between tries keep no process alive, and an answer is owed.
  const staysAlive = setInterval(() => {}, 2 ** 31 - 1)
  try {
    await run({ client, patientClient, url, sameServer: spelled(options), terminal, printer, progress })
  } finally {
    clearInterval(staysAlive)
    progress.clear()
    await Promise.all([client.close(), patientClient.close()])
  }
}

function spelled({ url, namespace }: ServerOptions): string {
  return `${url === undefined ? '' : ` --url ${url}`}${namespace === undefined ? '' : ` --namespace ${namespace}`}`
}

/** `--url`, or else what the environment says. */
export function serverUrl(configuration: Configuration, options: { readonly url?: string }): string {
  return options.url ?? configuration.url
}
