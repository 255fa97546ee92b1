import type { Command } from 'commander'
import { usageFailure } from '../failure.ts'
import { type FilterOptions, filterOf, isEmptyFilter, withFilterOptions } from '../options.ts'
import { onServer, type ServerOptions, withServerOptions } from '../server-command.ts'
import type { Terminal } from '../terminal.ts'
import { changeByFilter } from './change-by-filter.ts'
import { changeById } from './change-by-id.ts'
import { OPERATIONS, type Operation } from './change-operations.ts'

interface Options extends FilterOptions, ServerOptions {
  readonly dryRun?: boolean
  readonly yes?: boolean
}

/** `taskyard cancel`, `taskyard retry` and `taskyard delete`: tasks by their ids, or all that match a filter. */
export function addChanges(program: Command, terminal: Terminal): void {
  for (const operation of OPERATIONS) addOperation(program, terminal, operation)
}

function addOperation(program: Command, terminal: Terminal, operation: Operation): void {
  const { name, isFinal } = operation
  const yes = isFinal
    ? 'do not ask; where there is no terminal to ask on, needed to delete by options'
    : 'do not ask, as is done on a terminal where it is more than one task'
  const command = program
    .command(name)
    .summary(operation.summary)
    .description(operation.description)
    .argument('[ids...]', 'the tasks; or choose them by the options')
  withFilterOptions(command, terminal.now)
    .option('--dry-run', 'change nothing: say how many tasks the options mean')
    .option('-y, --yes', yes)
    .addHelpText('after', operation.examples)
    .action((ids: string[], options: Options) => {
      const filter = filterOf(options)
      checkChoice(operation, ids, filter, options)
      return onServer(terminal, options, (server) =>
        ids.length > 0 ? changeById(server, operation, ids) : changeByFilter(server, operation, filter, options),
      )
    })
  withServerOptions(command)
}

function checkChoice({ name }: Operation, ids: readonly string[], filter: FilterOptions, { dryRun }: Options): void {
  if (ids.length === 0 && isEmptyFilter(filter))
    throw usageFailure(`say which tasks to ${name}: by id, or by at least one option such as --queue`)
  if (ids.length > 0 && !isEmptyFilter(filter))
    throw usageFailure(`choose the tasks to ${name} either by id or by options, not both`)
  if (ids.length > 0 && dryRun) throw usageFailure('--dry-run counts what options mean; these tasks are named by id')
}
