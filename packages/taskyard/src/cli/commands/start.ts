import { TaskyardError } from '@taskyard/core'
import { type Command, Option } from 'commander'
import type { Logger } from 'pino'
import { type Configuration, type Environment, readConfiguration } from '../../configuration/read-configuration.ts'
import { storeName } from '../../configuration/store-location.ts'
import { VARIABLES } from '../../configuration/variables.ts'
import type { RunningServer } from '../../server.ts'
import { EXIT } from '../exit-codes.ts'
import { CommandFailure, describeFailure } from '../failure.ts'
import { untilInterrupted } from '../interruption.ts'
import { NPM_HAS_ENDED } from '../npm-process.ts'
import { withJsonOption } from '../server-command.ts'
import { jsonLine, type Terminal } from '../terminal.ts'

type StartOptions = Readonly<Record<keyof typeof OVERRIDES, string | undefined>> & { readonly json?: boolean }

/** Options of `start` that stand in for variables of the environment. */
const OVERRIDES = {
  store: VARIABLES.store,
  host: VARIABLES.host,
  port: VARIABLES.port,
  roles: VARIABLES.roles,
  queues: VARIABLES.queues,
  concurrency: VARIABLES.concurrency,
  logLevel: VARIABLES.logLevel,
} as const

const FLAGS: Readonly<Record<keyof typeof OVERRIDES, [flags: string, description: string]>> = {
  store: ['--store <url>', 'where tasks live'],
  host: ['--host <address>', 'address to listen on'],
  port: ['-p, --port <port>', 'port to listen on; 0 takes a free one'],
  roles: ['--roles <roles>', 'what this process does'],
  queues: ['-q, --queues <queues>', 'queues of the embedded worker'],
  concurrency: ['-c, --concurrency <n>', 'tasks the embedded worker runs at a time'],
  logLevel: ['--log-level <level>', 'least level logged'],
}

/** `taskyard start`: a server in this process, until a signal stops it. */
export function addStart(program: Command, terminal: Terminal): void {
  const command = program
    .command('start')
    .summary('start the server')
    .description(
      'Start the server: HTTP API, scheduler and a worker for the built-in task types, on one SQLite file or on a PostgreSQL, Redis or MongoDB server. taskyard help environment lists its environment variables; an option overrides its variable.',
    )
    .addHelpText('after', EXAMPLES)
    .action((options: StartOptions) => start(terminal, options))
  for (const [key, variable] of Object.entries(OVERRIDES)) {
    const [flags, description] = FLAGS[key as keyof typeof OVERRIDES]
    command.addOption(new Option(flags, `${description} (${variable.name}, default: ${variable.default})`))
  }
  withJsonOption(command)
}

const EXAMPLES = `
Examples:
  taskyard start
  taskyard start --port 9000 --store sqlite:/var/lib/taskyard/taskyard.db
  TASKYARD_STORE=postgres://user:password@db.example.com/tasks taskyard start
  TASKYARD_SMTP_URL=smtp://user:password@mail.example.com:587 taskyard start`

async function start(terminal: Terminal, options: StartOptions): Promise<void> {
  try {
    await startAndStop(terminal, options)
  } catch (error) {
    if (terminal.stderr.isTTY) throw error
    await logFailure(terminal, error, options.json === true)
  }
}

async function startAndStop(terminal: Terminal, options: StartOptions): Promise<void> {
  const configuration = readConfiguration(withOverrides(terminal.environment, options))
  const { createServerLog } = await import('../../server/server-log.ts')
  const log = createServerLog(configuration, terminal.stderr, terminal.environment)
  exitOnUncaught(log)
  // A signal that comes during the start stops what was started.
  const signal = terminal.interrupted()
  const server = await startOrExplain(configuration, { log, signal })
  logSecondSignal(log)
  await tellReady(terminal, configuration, server, options.json === true)
  await untilInterrupted(terminal)
  if (signal.reason === NPM_HAS_ENDED) log.info('npx has ended, and so does the server it started')
  await server.stop()
}

/** Where nobody watches, the failure of a start is a line of the log like all others. */
async function logFailure(terminal: Terminal, error: unknown, json: boolean): Promise<void> {
  const { createServerLog } = await import('../../server/server-log.ts')
  const { lines, document, exitCode } = describeFailure(error)
  const log = createServerLog({ logLevel: 'fatal' }, terminal.stderr, terminal.environment)
  log.fatal({ code: document.code }, lines.join(' '))
  if (json) terminal.stdout.write(`${jsonLine({ error: document })}\n`)
  terminal.exitWith(exitCode)
}

function withOverrides(environment: Environment, options: StartOptions): Environment {
  const overrides = Object.entries(OVERRIDES).flatMap(([key, { name }]) => {
    const value = options[key as keyof typeof OVERRIDES]
    return value === undefined ? [] : [[name, value] as const]
  })
  return { ...environment, ...Object.fromEntries(overrides) }
}

async function startOrExplain(configuration: Configuration, options: { log: Logger; signal: AbortSignal }) {
  const { startServer } = await import('../../server.ts')
  try {
    return await startServer(configuration, options)
  } catch (error) {
    if (!(error instanceof TaskyardError) || error.code === 'invalid_configuration') throw error
    if (configuration.store.kind !== 'sqlite' && error.code === 'store_unavailable') {
      throw storeIsAway(error, configuration, options.signal)
    }
    throw new CommandFailure(error.message, EXIT.failed, { code: error.code })
  }
}

function storeIsAway(error: TaskyardError, { store }: Configuration, signal: AbortSignal): CommandFailure {
  if (signal.aborted) return new CommandFailure(`stopped while waiting for ${storeName(store)}`, EXIT.interrupted)
  const advice = `Is ${storeName(store)} right, and its server running? taskyard doctor says more.`
  return new CommandFailure(`${error.message}\n  ${advice}`, EXIT.failed, { code: error.code })
}

/** On a terminal a line for people; elsewhere, and with `--json`, a document of the same shape as the log's. */
async function tellReady(
  { stdout, environment }: Terminal,
  { roles }: Configuration,
  { url, operationsUrl }: RunningServer,
  json: boolean,
): Promise<void> {
  const api =
    url === null ? `without an HTTP API (roles: ${roles.join(', ')})` : `at ${url}  (API reference: ${url}/docs)`
  const operations = url === operationsUrl ? '' : `; probes and metrics at ${operationsUrl}`
  const text = `Taskyard is ready ${api}${operations}`
  if (stdout.isTTY && !json) return void stdout.write(`${text}\n`)
  const { createServerLog } = await import('../../server/server-log.ts')
  const lines = { write: (line: string) => stdout.write(line) }
  const document = { ready: true, url, operationsUrl, roles, pid: process.pid }
  createServerLog({ logLevel: 'info' }, lines, environment).info(document, text)
}

/** After a first signal the server stops in order; a second one ends the process. */
function logSecondSignal(log: Logger): void {
  process.once('exit', (code) => {
    if (code === EXIT.interrupted) log.warn('a second signal: the server ends at once, and what it ran starts again')
  })
}

/** After an error that nobody expected the process is in an unknown state; a restart recovers every task. */
function exitOnUncaught(log: Logger): void {
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'unexpected error; the server exits')
    process.exit(EXIT.failed)
  })
}
