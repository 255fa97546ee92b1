import { closestName } from '@taskyard/core'
import { Command, CommanderError } from 'commander'
import { VERSION } from '../version.ts'
import { addBackup } from './commands/backup.ts'
import { addChanges } from './commands/change-tasks.ts'
import { addDoctor } from './commands/doctor.ts'
import { addEvents } from './commands/events.ts'
import { addGet } from './commands/get.ts'
import { addList } from './commands/list.ts'
import { addMigrate } from './commands/migrate.ts'
import { addQueues } from './commands/queues.ts'
import { addStart } from './commands/start.ts'
import { addSubmit } from './commands/submit.ts'
import { addTypes } from './commands/types.ts'
import { addVersion } from './commands/version.ts'
import { addWork } from './commands/work.ts'
import { addWorkers } from './commands/workers.ts'
import { environmentHelp } from './environment-help.ts'
import { EXIT } from './exit-codes.ts'
import { reportFailure } from './failure.ts'
import { withOptionMeant, withWaitLast } from './option-words.ts'
import { processTerminal } from './process-terminal.ts'
import { jsonLine, paintFor, type Terminal, wantsColours } from './terminal.ts'

/** The whole command line, ready to parse. Reading it has no effects, so documentation can be checked against it. */
export function createProgram(terminal: Terminal = processTerminal(), commandLine: readonly string[] = []): Command {
  const program = new Command('taskyard')
    .description('Background tasks that are not lost: submit them over HTTP, from code or from here; workers run them.')
    .version(VERSION, '-V, --version')
    .addHelpText('after', AFTER_HELP)
    .exitOverride()
  speakThrough(program, terminal, commandLine)
  program.commandsGroup('Run:')
  addStart(program, terminal)
  addWork(program, terminal)
  program.commandsGroup('Tasks:')
  addSubmit(program, terminal)
  addGet(program, terminal)
  addList(program, terminal)
  addEvents(program, terminal)
  addChanges(program, terminal)
  program.commandsGroup('Operate:')
  addQueues(program, terminal)
  addWorkers(program, terminal)
  addTypes(program, terminal)
  addBackup(program, terminal)
  addMigrate(program, terminal)
  addDoctor(program, terminal)
  addVersion(program, terminal)
  program.helpCommand('help [command]', 'show the help of a command')
  return program
}

/** Parses and runs a command line, `process.argv.slice(2)` say. Never rejects: failures end in an exit code. */
export async function runProgram(
  commandLine: readonly string[],
  terminal: Terminal = processTerminal(),
): Promise<void> {
  const program = createProgram(terminal, commandLine)
  try {
    if (isHelpOnEnvironment(commandLine)) return void terminal.stdout.write(`${environmentHelp()}\n`)
    refuseHelpOnNothing(program, commandLine)
    await program.parseAsync([...withWaitLast(commandLine)], { from: 'user' })
  } catch (error) {
    const json = commandLine.includes('--json')
    if (!(error instanceof CommanderError)) return reportFailure(terminal, error, json)
    if (error.exitCode === 0 || error.code === 'commander.help')
      return terminal.exitWith(error.exitCode === 0 ? EXIT.ok : EXIT.usage)
    if (json)
      terminal.stdout.write(
        `${jsonLine({ error: { code: 'usage', message: plainMessage(program, commandLine, error).trimEnd() } })}\n`,
      )
    terminal.exitWith(EXIT.usage)
  }
}

const AFTER_HELP = `
Try it:
  taskyard start                                              in one terminal
  taskyard submit --wait uppercase '{"text":"hello"}'         in another

taskyard help environment lists every environment variable.
Commands that talk to a server use --url, else TASKYARD_URL, else http://127.0.0.1:8080, and talk about
--namespace, else TASKYARD_NAMESPACE, else default.
All take --json. Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 not found,
4 not possible in that state, 5 server unreachable or busy, 6 waiting is over.`

/** Help and usage errors go where the terminal says, in its colours. Subcommands inherit it. */
function speakThrough(program: Command, terminal: Terminal, commandLine: readonly string[]): void {
  const { stdout, stderr, environment } = terminal
  const paint = paintFor(stdout, environment)
  const alarm = paintFor(stderr, environment)
  program
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      getOutHelpWidth: () => Math.min(stdout.columns ?? 100, 100),
      getErrHelpWidth: () => Math.min(stderr.columns ?? 100, 100),
      getOutHasColors: () => wantsColours(stdout, environment),
      getErrHasColors: () => wantsColours(stderr, environment),
      outputError: (text, write) =>
        write(advised(program, commandLine, text).replace(/^error:/, alarm('red', 'error:'))),
    })
    .configureHelp({
      styleTitle: (text) => paint('bold', text),
      styleCommandText: (text) => paint('cyan', text),
      styleSubcommandText: (text) => paint('cyan', text),
      styleOptionText: (text) => paint('cyan', text),
      styleArgumentText: (text) => paint('cyan', text),
    })
    .showHelpAfterError('(see --help)')
}

function isHelpOnEnvironment([help, topic]: readonly string[]): boolean {
  return help === 'help' && topic === 'environment'
}

/** The parser would answer with the whole help, and not say why. */
function refuseHelpOnNothing(program: Command, [help, name]: readonly string[]): void {
  const names = [...program.commands.map((command) => command.name()), 'environment']
  if (help !== 'help' || name === undefined || name.startsWith('-') || [...names, 'help'].includes(name)) return
  const closest = closestName(name, names)
  program.error(`error: unknown command '${name}'${closest === null ? '' : `\n(Did you mean ${closest}?)`}`)
}

function plainMessage(program: Command, commandLine: readonly string[], error: CommanderError): string {
  return advised(program, commandLine, error.message).replace(/^error: /, '')
}

/** A complaint of the parser, with the option of this command that was probably meant. */
function advised(program: Command, [name]: readonly string[], message: string): string {
  const options = program.commands.find((command) => command.name() === name)?.options ?? []
  return withOptionMeant(
    message,
    options.map(({ long }) => long ?? ''),
  )
}
