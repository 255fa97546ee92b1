import { type TaskDocument, TaskyardError } from '@taskyard/core'
import type { Command } from 'commander'
import { exitCodeOf } from '../exit-codes.ts'
import { CommandFailure, usageFailure } from '../failure.ts'
import { type FilterOptions, filterOf, isEmptyFilter, withFilterOptions } from '../options.ts'
import { onServer, type ServerCommand, type ServerOptions, withServerOptions } from '../server-command.ts'
import type { Terminal } from '../terminal.ts'

interface Options extends FilterOptions, ServerOptions {}

/** Cancel and retry are alike: by id, or by filter. */
interface Operation {
  readonly name: 'cancel' | 'retry'
  readonly summary: string
  readonly description: string
  readonly examples: string
  /** What the tasks that a filter matched are, afterwards. */
  readonly done: string
}

const OPERATIONS: readonly Operation[] = [
  {
    name: 'cancel',
    summary: 'cancel tasks by id or filter',
    description: 'Cancel tasks that have not ended. Waiting ones end at once; running ones are asked to stop.',
    done: 'cancelled or asked to stop',
    examples: `
Examples:
  taskyard cancel 019aa7c4-0f5e-7cc3-98f5-0c6b9b3c1d2e
  taskyard cancel --queue reports --status queued`,
  },
  {
    name: 'retry',
    summary: 'retry failed and cancelled tasks by id or filter',
    description:
      'Run failed or cancelled tasks again: attempts start over, history is kept. By filter: failed ones, unless --status says otherwise.',
    done: 'queued again',
    examples: `
Examples:
  taskyard retry 019aa7c4-0f5e-7cc3-98f5-0c6b9b3c1d2e
  taskyard retry --type email --created-after 2h`,
  },
]

/** `taskyard cancel` and `taskyard retry`: one task by its id, or all that match a filter. */
export function addCancelAndRetry(program: Command, terminal: Terminal): void {
  for (const operation of OPERATIONS) addOperation(program, terminal, operation)
}

function addOperation(program: Command, terminal: Terminal, operation: Operation): void {
  const command = program
    .command(operation.name)
    .summary(operation.summary)
    .description(operation.description)
    .argument('[ids...]', 'the tasks; or choose them by the options')
  withFilterOptions(command, terminal.now)
    .addHelpText('after', operation.examples)
    .action((ids: string[], options: Options) => {
      const filter = filterOf(options)
      if (ids.length > 0 !== isEmptyFilter(filter)) {
        throw usageFailure(
          `say which tasks to ${operation.name}: either by id, or by at least one option such as --queue`,
        )
      }
      return onServer(terminal, options, (server) =>
        ids.length > 0 ? byId(server, operation, ids) : byFilter(server, operation, filter),
      )
    })
  withServerOptions(command)
}

/** Each is tried, whatever becomes of the others. */
async function byId({ client, printer }: ServerCommand, { name }: Operation, ids: readonly string[]): Promise<void> {
  const tasks: TaskDocument[] = []
  const failures: Failure[] = []
  for (const id of ids) {
    try {
      tasks.push(await client[name](id))
    } catch (error) {
      if (!(error instanceof TaskyardError) || ids.length === 1) throw error
      failures.push({ id, error })
    }
  }
  const lines = tasks.map(({ id, status }) => `${id}  ${status === 'running' ? 'asked to stop' : status}`)
  const [first] = failures
  if (first === undefined) return printer.answer(ids.length === 1 ? tasks[0] : tasks, lines)
  if (!printer.json && lines.length > 0) printer.answer(tasks, lines)
  const message = [
    `${name} failed for ${failures.length} of ${ids.length} tasks`,
    ...failures.map(({ id, error }) => `${id}: ${error.message}`),
  ].join('\n')
  const failed = failures.map(({ id, error }) => ({ id, code: error.code, message: error.message }))
  throw new CommandFailure(message, exitCodeOf(first.error), { code: first.error.code, tasks, failed })
}

interface Failure {
  readonly id: string
  readonly error: TaskyardError
}

async function byFilter(server: ServerCommand, { name, done }: Operation, filter: FilterOptions): Promise<void> {
  const { client, printer, progress, terminal } = server
  const since = terminal.monotonic()
  let soFar = ''
  const onProgress = (matched: number) => {
    soFar = ` ${matched.toLocaleString('en')} so far,`
  }
  const show = () => progress.show(`${name} …${soFar} ${Math.round((terminal.monotonic() - since) / 1000)} s`)
  const ticking = setInterval(show, 1000)
  try {
    const matched = await client[name === 'cancel' ? 'cancelMatching' : 'retryMatching'](filter, { onProgress })
    progress.clear()
    printer.answer({ matched }, [`${matched.toLocaleString('en')} ${matched === 1 ? 'task' : 'tasks'} ${done}`])
  } finally {
    clearInterval(ticking)
  }
}
