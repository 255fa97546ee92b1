import { setTimeout as sleep } from 'node:timers/promises'
import { DEFAULTS, type TaskHandlers } from '@taskyard/core'
import { WORKER_EVENTS } from '@taskyard/worker'
import type { Command } from 'commander'
import { EXIT } from '../exit-codes.ts'
import { untilInterrupted } from '../interruption.ts'
import { queueNames, seconds, wholeNumber } from '../options.ts'
import { onServer, type ServerCommand, type ServerOptions, withServerOptions } from '../server-command.ts'
import type { Terminal } from '../terminal.ts'
import { FatalErrors } from '../work/fatal-errors.ts'
import { loadHandlers } from '../work/load-handlers.ts'
import { createWorkReport, type WorkReport } from '../work/work-report.ts'

interface WorkOptions extends ServerOptions {
  readonly queues: readonly string[]
  readonly concurrency: number
  readonly drain: number
}

/** `taskyard work`: a worker with the handlers of a module, until a signal stops it. */
export function addWork(program: Command, terminal: Terminal): void {
  const command = program
    .command('work')
    .summary('run your own task handlers against a server')
    .description(
      'Run the handlers of a module against a server. The module exports an object of handlers by task type: as its default, or as "tasks". TypeScript runs without a build, as long as it is erasable and its imports have extensions. Ctrl-C drains: running tasks finish, or are handed back.',
    )
    .argument('<file>', 'the module, such as ./my-tasks.ts')
    .option('-q, --queues <queues>', 'queues to take from, comma-separated; * is every queue', queueNames, ['default'])
    .option('-c, --concurrency <n>', 'tasks at the same time', wholeNumber(1, 1000), 10)
    .option(
      '--drain <seconds>',
      'how long running tasks may take to finish when it stops',
      seconds(0, 3600),
      DEFAULTS.drainSeconds,
    )
    .addHelpText('after', EXAMPLES)
    .action((file: string, options: WorkOptions) => work(terminal, file, options))
  withServerOptions(command)
}

const EXAMPLES = `
Examples:
  taskyard work ./my-tasks.ts
  taskyard work ./my-tasks.ts --queues mail,reports --concurrency 50 --url http://10.0.0.5:8080`

async function work(terminal: Terminal, file: string, options: WorkOptions): Promise<void> {
  const handlers = await loadHandlers(file)
  await onServer(terminal, options, (server) => runWorker(server, handlers, options))
}

async function runWorker(server: ServerCommand, handlers: TaskHandlers, options: WorkOptions): Promise<void> {
  const { client, url, terminal } = server
  const report = createWorkReport(terminal, options.json === true)
  const fatalErrors = new FatalErrors()
  const died = Promise.withResolvers<void>()
  const stopListening = fatalErrors.listen((fatal) => {
    report.died(fatal)
    died.resolve()
  })
  const stopNaming = fatalErrors.listenForExit((tasks) => report.exited(tasks))
  const reached = await Promise.race([untilReached(server, report), died.promise.then(() => true)])
  if (!reached) return report.stopped()
  const worker = client.work(report.watching(fatalErrors.watching(handlers)), {
    queues: options.queues,
    concurrency: options.concurrency,
    drainSeconds: options.drain,
    onError: report.trouble,
  })
  for (const event of WORKER_EVENTS) worker.on(event, (end) => report.ended(event, end))
  report.started({ url, namespace: client.namespace }, Object.keys(handlers), options.queues)
  const hasDied = await Promise.race([untilInterrupted(terminal).then(() => false), died.promise.then(() => true)])
  if (!hasDied) report.draining()
  // Nobody knows what state the program is in: what still runs is handed back, and the process ends.
  await worker.stop(hasDied ? { deadlineSeconds: 0 } : {})
  report.stopped()
  stopListening()
  stopNaming()
  const { running, abandoned } = worker.stats
  // What a handler that does not listen goes on doing counts no more: its task is another worker's now.
  if (hasDied || running + abandoned > 0) process.exit(hasDied ? EXIT.failed : EXIT.ok)
}

/** Between two looks for a server that is not there. */
const LOOK_MS = 1000

/** Resolves once the server answers, or with `false` when the command is interrupted before. */
async function untilReached({ client, terminal }: ServerCommand, report: WorkReport): Promise<boolean> {
  const signal = terminal.interrupted()
  while (!signal.aborted) {
    try {
      await client.queues()
      return true
    } catch (error) {
      report.trouble(error, 'starting')
    }
    await sleep(LOOK_MS, undefined, { signal }).catch(() => {})
  }
  return false
}
