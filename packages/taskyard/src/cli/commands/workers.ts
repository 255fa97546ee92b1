import type { WorkerDocument } from '@taskyard/client'
import type { Command } from 'commander'
import { onServer, type ServerOptions, withServerOptions } from '../server-command.ts'
import { spokenDistance } from '../spoken-time.ts'
import { type Cell, type Column, tableLines } from '../table.ts'
import type { Terminal } from '../terminal.ts'

const COLUMNS: readonly Column[] = [
  { title: 'WORKER' },
  { title: 'STATE' },
  { title: 'RUNNING', align: 'right' },
  { title: 'QUEUES' },
  { title: 'SINCE', dropRank: 1 },
  { title: 'SEEN' },
  { title: 'TYPES', least: 12 },
]

/** `taskyard workers`: who is connected, holds leases or has claimed lately. */
export function addWorkers(program: Command, terminal: Terminal): void {
  const command = program
    .command('workers')
    .summary('show who is connected and what they run')
    .description('Show the workers that are connected, hold tasks, or have asked for some within the last minute.')
    .action((options: ServerOptions) =>
      onServer(terminal, options, async ({ client, printer }) => {
        const workers = await client.workers()
        const rows = workers.map((worker) => workerCells(worker, terminal.now()))
        printer.answer({ workers }, workers.length === 0 ? ['no workers'] : tableLines(COLUMNS, rows, printer))
      }),
    )
  withServerOptions(command)
}

function workerCells(worker: WorkerDocument, now: number): Cell[] {
  return [
    { text: worker.workerId },
    stateCell(worker),
    { text: worker.concurrency === null ? `${worker.leases}` : `${worker.leases}/${worker.concurrency}` },
    { text: worker.queues.join(',') || '-' },
    { text: distance(worker.connectedAt, now) },
    { text: distance(worker.seenAt, now) },
    { text: worker.types?.join(',') ?? (worker.queues.length === 0 ? '-' : 'all') },
  ]
}

/** A server of the version before does not say when it has seen a worker. */
function distance(time: string | null | undefined, now: number): string {
  return typeof time === 'string' ? spokenDistance(time, now) : '-'
}

function stateCell({ connected, watched, embedded }: WorkerDocument): Cell {
  if (connected) return { text: embedded ? 'embedded' : 'connected', style: 'green' }
  return watched ? { text: 'gone', style: 'red' } : { text: 'no session', style: 'yellow' }
}
