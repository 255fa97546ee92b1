import type { TaskTypeDocument } from '@taskyard/client'
import { type Backoff, LIMITS, type TypeDefaults } from '@taskyard/core'
import { type Command, InvalidArgumentError } from 'commander'
import { usageFailure } from '../failure.ts'
import { seconds, typeName, wholeNumber } from '../options.ts'
import { onServer, type ServerOptions, withServerOptions } from '../server-command.ts'
import type { Terminal } from '../terminal.ts'
import { typeLine, typeTableLines } from '../type-lines.ts'

interface SetOptions extends ServerOptions {
  readonly maxAttempts?: number
  readonly timeout?: number | 'none'
  readonly backoff?: Partial<Backoff>
}

/** `taskyard types`: what submissions of a type get that do not say otherwise, and how to set it. */
export function addTypes(program: Command, terminal: Terminal): void {
  const command = program
    .command('types')
    .summary('show and set what tasks of a type get by default')
    .description(
      'Show the task types with defaults of their own: what submissions get that do not say otherwise. Workers declare them with their handlers.',
    )
    .addHelpText('after', EXAMPLES)
    .action((options: ServerOptions) =>
      onServer(terminal, options, async ({ client, printer }) => {
        const types = await client.types()
        const lines =
          types.length === 0
            ? ['no type has defaults of its own: all are as every type']
            : typeTableLines(types, printer)
        printer.answer({ types }, lines)
      }),
    )
  withServerOptions(command)
  addSet(command, terminal)
  addDelete(command, terminal)
}

const EXAMPLES = `
Examples:
  taskyard types
  taskyard types set email --max-attempts 5 --timeout 60
  taskyard types set report --timeout none --backoff '{"kind":"fixed","baseSeconds":30}'
  taskyard types delete email`

function addSet(types: Command, terminal: Terminal): void {
  const command = types
    .command('set')
    .description('set what tasks of a type get by default; what is not named is as for every type')
    .argument('<type>', 'its name', typeName)
    .option('--max-attempts <n>', 'tries that may fail before it fails for good', wholeNumber(1, LIMITS.maxAttempts))
    .option('--timeout <seconds>', 'how long one attempt may run, or none', timeout)
    .option('--backoff <json>', 'the wait between tries, such as {"kind":"fixed","baseSeconds":30}', backoff)
    .action((type: string, _: unknown, self: Command) => set(terminal, type, self.optsWithGlobals<SetOptions>()))
  withServerOptions(command)
}

async function set(terminal: Terminal, type: string, options: SetOptions): Promise<void> {
  const defaults = defaultsOf(options)
  if (Object.keys(defaults).length === 0) {
    throw usageFailure(
      `say what: --max-attempts, --timeout or --backoff; "taskyard types delete ${type}" takes them all away`,
    )
  }
  await onServer(terminal, options, async ({ client, printer }) => {
    await client.declareType(type, defaults)
    const document: TaskTypeDocument = { type, ...defaults }
    printer.answer(document, [typeLine(document)])
  })
}

function addDelete(types: Command, terminal: Terminal): void {
  const command = types
    .command('delete')
    .description('take away what tasks of a type get by default')
    .argument('<type>', 'its name', typeName)
    .action((type: string, _: unknown, self: Command) =>
      onServer(terminal, self.optsWithGlobals(), async ({ client, printer }) => {
        const hadDefaults = (await client.types()).some((known) => known.type === type)
        await client.clearType(type)
        printer.answer({ type }, [typeLine({ type })])
        if (!hadDefaults) printer.note(`${type} had no defaults of its own`)
      }),
    )
  withServerOptions(command)
}

function defaultsOf({ maxAttempts, timeout, backoff }: SetOptions): TypeDefaults {
  return {
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
    ...(timeout === undefined ? {} : { timeoutSeconds: timeout === 'none' ? null : timeout }),
    ...(backoff === undefined ? {} : { backoff }),
  }
}

function timeout(text: string): number | 'none' {
  return text === 'none' ? text : seconds(0.001, LIMITS.timeoutSeconds)(text)
}

/** What is in it the client checks. */
function backoff(text: string): Partial<Backoff> {
  try {
    return JSON.parse(text)
  } catch {
    throw new InvalidArgumentError('Expected JSON, such as {"kind":"fixed","baseSeconds":30}.')
  }
}
