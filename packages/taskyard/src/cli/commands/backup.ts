import { createWriteStream, existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Command } from 'commander'
import { storeUrl } from '../../configuration/store-location.ts'
import { inspectSqliteFile } from '../doctor/inspect-sqlite-file.ts'
import { EXIT } from '../exit-codes.ts'
import { CommandFailure, usageFailure } from '../failure.ts'
import { unlessAborted } from '../interruption.ts'
import { createPrinter } from '../printer.ts'
import { onServer, urlOption, withJsonOption } from '../server-command.ts'
import type { Terminal } from '../terminal.ts'
import { writeNewFile } from './write-new-file.ts'

interface BackupOptions {
  readonly store?: string
  readonly url?: string
  readonly json?: boolean
}

/** `taskyard backup`: a copy of a SQLite store, of a server that runs or of a file that none has. */
export function addBackup(program: Command, terminal: Terminal): void {
  const command = program
    .command('backup')
    .summary('copy a SQLite store to a file, while the server runs')
    .description(
      'Copy the whole SQLite store of the running server to a new file: the tasks of all namespaces as of one moment, checked, readable by its user alone. A start on that file is a restore. PostgreSQL, Redis and MongoDB have tools of their own.',
    )
    .argument('<file>', 'the file to be made; one that is there is not overwritten')
    .addOption(urlOption())
    .option(
      '--store <url>',
      'copy this store, such as sqlite:./data/taskyard.db, which no server has, and ask no server',
    )
    .addHelpText('after', EXAMPLES)
    .action((file: string, options: BackupOptions) => backup(terminal, resolve(file), options))
  withJsonOption(command)
}

const EXAMPLES = `
Examples:
  taskyard backup /backups/tasks-monday.db
  taskyard backup /backups/tasks.db --store sqlite:./data/taskyard.db      when no server runs`

async function backup(terminal: Terminal, file: string, options: BackupOptions): Promise<void> {
  if (existsSync(file)) throw new CommandFailure(`${file} is there already; name a new file`, EXIT.failed)
  const signal = terminal.interrupted()
  const copying =
    options.store === undefined ? fromServer(terminal, file, options) : fromFile(options.store, file, signal)
  const bytes = await copying.catch((error) => {
    throw signal.aborted ? new CommandFailure(`stopped: ${file} was not made`, EXIT.interrupted) : error
  })
  const size = `${(bytes / 1_048_576).toFixed(1)} MiB`
  createPrinter(terminal, options.json === true).answer({ file, bytes }, [`${file}: the whole store, ${size}, checked`])
}

const SYNCED = { flags: 'wx', mode: 0o600, flush: true }

async function fromServer(terminal: Terminal, file: string, options: BackupOptions): Promise<number> {
  const signal = terminal.interrupted()
  let bytes = 0
  await onServer(terminal, options, async ({ client, progress }) => {
    progress.show('the server makes a copy')
    const chunks = await unlessAborted(signal, client.backup())
    const write = (path: string) =>
      // A web stream from which nothing comes would not be ended by the signal.
      pipeline(Readable.fromWeb(chunks), createWriteStream(path, SYNCED), { signal })
    bytes = await writeNewFile(file, write, assertWhole)
  })
  return bytes
}

async function fromFile(store: string, file: string, signal: AbortSignal): Promise<number> {
  const location = storeUrl.parse(store)
  if (location?.kind !== 'sqlite') throw usageFailure(`--store is no SQLite file: ${storeUrl.expected}`)
  const path = resolve(location.path)
  if (!existsSync(path)) throw new CommandFailure(`there is no ${path}`, EXIT.notFound)
  const { copySqliteFile } = await import('@taskyard/store-sqlite')
  return writeNewFile(file, (to) => copySqliteFile(path, to, signal).catch(explainLock), assertWhole)
}

function explainLock(error: Error & { code?: string }): never {
  if (error.code !== 'store_locked') throw error
  const { code } = error
  throw new CommandFailure('a server has this file; without --store it is asked for the copy', EXIT.failed, { code })
}

function assertWhole(path: string): void {
  const inspection = inspectSqliteFile(path)
  if (inspection.kind === 'whole') return
  const reason = inspection.kind === 'damaged' ? inspection.reason : inspection.kind
  throw new CommandFailure(`the copy is not whole (${reason}), and was removed: taskyard doctor says more`, EXIT.failed)
}
