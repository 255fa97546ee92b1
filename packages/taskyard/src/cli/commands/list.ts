import { LIMITS } from '@taskyard/core'
import type { Command } from 'commander'
import { type FilterOptions, filterOf, wholeNumber, withFilterOptions } from '../options.ts'
import { onServer, type ServerCommand, type ServerOptions, withServerOptions } from '../server-command.ts'
import { taskTableLines } from '../task-lines.ts'
import type { Terminal } from '../terminal.ts'

interface ListOptions extends FilterOptions, ServerOptions {
  readonly limit: number
  readonly cursor?: string
}

/** `taskyard list`: a page of tasks, newest first. */
export function addList(program: Command, terminal: Terminal): void {
  const command = program.command('list').summary('list tasks, newest first').description('List tasks, newest first.')
  withFilterOptions(command, terminal.now)
    .option('-n, --limit <n>', 'at most so many', wholeNumber(1, LIMITS.listPage), 20)
    .option('--cursor <cursor>', 'go on where the last page ended')
    .addHelpText('after', EXAMPLES)
    .action((options: ListOptions) => onServer(terminal, options, (server) => list(server, options)))
  withServerOptions(command)
}

const EXAMPLES = `
Examples:
  taskyard list --status failed --created-after 1h
  taskyard list --queue mail --limit 100 --json`

async function list({ client, printer, terminal }: ServerCommand, options: ListOptions): Promise<void> {
  const { limit, cursor } = options
  const page = await client.list({ ...filterOf(options), limit, ...(cursor === undefined ? {} : { cursor }) })
  const lines = page.items.length === 0 ? ['no tasks'] : taskTableLines(page.items, printer, terminal.now())
  printer.answer(page, lines)
  if (page.nextCursor !== null) printer.note(`There is more: add --cursor ${page.nextCursor}`)
}
