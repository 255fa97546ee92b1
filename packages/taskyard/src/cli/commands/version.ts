import type { Command } from 'commander'
import { VERSION } from '../../version.ts'
import { createPrinter } from '../printer.ts'
import { withJsonOption } from '../server-command.ts'
import type { Terminal } from '../terminal.ts'

/** `taskyard version`: which Taskyard this is, and which Node.js runs it. */
export function addVersion(program: Command, terminal: Terminal): void {
  const command = program
    .command('version')
    .summary('show the version')
    .description('Show the version of Taskyard and of the Node.js that runs it.')
    .action((options: { readonly json?: boolean }) => {
      const { node, platform, arch } = { node: process.versions.node, platform: process.platform, arch: process.arch }
      const lines = [`Taskyard ${VERSION}, Node.js ${node}, ${platform} ${arch}`]
      createPrinter(terminal, options.json === true).answer({ version: VERSION, node, platform, arch }, lines)
    })
  withJsonOption(command)
}
