import { isTerminal } from '@taskyard/core'
import type { Command } from 'commander'
import { waitSeconds } from '../options.ts'
import { onServer, type ServerOptions, withServerOptions } from '../server-command.ts'
import { taskLines } from '../task-lines.ts'
import type { Terminal } from '../terminal.ts'
import { reasonsOf } from '../waiting-remarks.ts'
import { answerTask, waitForEnd } from './task-answer.ts'

interface GetOptions extends ServerOptions {
  readonly wait?: true | number
}

/** `taskyard get`: one task. */
export function addGet(program: Command, terminal: Terminal): void {
  const command = program
    .command('get')
    .summary('show a task')
    .description('Show a task: its state, payload, result and error; of one that waits, why.')
    .argument('<id>', 'the task')
    .option('-w, --wait [seconds]', 'wait until it ends; exit 1 unless it succeeded', waitSeconds)
    .addHelpText('after', EXAMPLES)
    .action((id: string, options: GetOptions) =>
      onServer(terminal, options, async (server) => {
        const task = await server.client.get(id)
        if (options.wait !== undefined) return answerTask(server, await waitForEnd(server, id, options.wait))
        const isAsked = !server.printer.json && !isTerminal(task.status)
        const reasons = isAsked ? await reasonsOf(server, id) : []
        server.printer.answer(task, taskLines(task, server.printer, terminal.now(), reasons))
      }),
    )
  withServerOptions(command)
}

const EXAMPLES = `
Examples:
  taskyard get 019aa7c4-0f5e-7cc3-98f5-0c6b9b3c1d2e
  taskyard get 019aa7c4-0f5e-7cc3-98f5-0c6b9b3c1d2e --wait 30 --json`
