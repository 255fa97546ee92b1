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
  taskyard list --status failed,scheduled --error-code timeout
  taskyard list --queue mail --limit 100 --json`

async function list(server: ServerCommand, options: ListOptions): Promise<void> {
  const { printer, terminal } = server
  const page = await nextPage(server, options)
  const nothing = page.nextCursor === null ? 'no tasks' : 'no tasks so far'
  const lines = page.items.length === 0 ? [nothing] : taskTableLines(page.items, printer, terminal.now())
  printer.answer(page, lines)
  if (page.nextCursor !== null) printer.note(`There is more: add --cursor ${page.nextCursor}`)
}

/** Tasks that fit may be far from here: no longer is it looked for the first of them. Milliseconds. */
const LOOKING_MS = 15_000

/** The next page that is not empty, or the last one. */
async function nextPage({ client, terminal, progress }: ServerCommand, options: ListOptions) {
  const { limit, cursor } = options
  const filter = { ...filterOf(options), limit }
  const until = terminal.monotonic() + LOOKING_MS
  let page = await client.list(cursor === undefined ? filter : { ...filter, cursor })
  while (page.items.length === 0 && page.nextCursor !== null && terminal.monotonic() < until) {
    progress.show('looking further back …')
    page = await client.list({ ...filter, cursor: page.nextCursor })
  }
  progress.clear()
  return page
}
