import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { TaskyardError } from '@taskyard/core'
import type { Command } from 'commander'
import { openMigratedStore } from '../../assemble.ts'
import { type Configuration, readConfiguration } from '../../configuration/read-configuration.ts'
import { storeName } from '../../configuration/store-location.ts'
import { EXIT } from '../exit-codes.ts'
import { CommandFailure, usageFailure } from '../failure.ts'
import { createPrinter } from '../printer.ts'
import { withJsonOption } from '../server-command.ts'
import type { Terminal } from '../terminal.ts'

interface MigrateOptions {
  readonly store?: string
  readonly acceptLostLog?: boolean
  readonly json?: boolean
}

/** `taskyard migrate`: brings the schema of the store up to date, without a server. */
export function addMigrate(program: Command, terminal: Terminal): void {
  const command = program
    .command('migrate')
    .summary("bring the store's schema up to date")
    .description(
      'Create the store if there is none and bring its schema up to date. The server does so at start by itself; this command is for doing it before. Not while a server uses a SQLite file; any time on the others.',
    )
    .option('--store <url>', 'the store (default: TASKYARD_STORE)')
    .option(
      '--accept-lost-log',
      'go on with a SQLite file that was copied without its log, without what was there alone',
    )
    .action((options: MigrateOptions) => migrate(terminal, options))
  withJsonOption(command)
}

async function migrate(terminal: Terminal, options: MigrateOptions): Promise<void> {
  const override = options.store === undefined ? {} : { TASKYARD_STORE: options.store }
  const configuration = readConfiguration({ ...terminal.environment, ...override })
  if (options.acceptLostLog) assertIsFile(configuration)
  const { from, to } = await migrated(configuration, options.acceptLostLog === true)
  const name = storeName(configuration.store)
  const text = from === to ? `${name} is up to date: schema version ${to}` : `${name}: schema version ${from} → ${to}`
  const { kind } = configuration.store
  createPrinter(terminal, options.json === true).answer({ store: kind, path: name, from, to }, [text])
}

/** Else a new store would be made, as if all were well with the one that was meant. */
function assertIsFile({ store }: Configuration): void {
  if (store.kind !== 'sqlite') throw usageFailure(`--accept-lost-log is for SQLite files; this is ${storeName(store)}`)
  const path = resolve(store.path)
  if (!existsSync(path)) throw new CommandFailure(`there is no ${path}; --store names another file`, EXIT.notFound)
}

async function migrated(configuration: Configuration, acceptLostLog: boolean) {
  try {
    const { store, from, to } = await openMigratedStore({ ...configuration, acceptLostLog })
    await store.lifecycle.close()
    return { from, to }
  } catch (error) {
    if (error instanceof TaskyardError) throw new CommandFailure(error.message, EXIT.failed, { code: error.code })
    throw error
  }
}
