import { type Finding, finding, TaskyardError } from '@taskyard/core'
import type { Command } from 'commander'
import { readConfiguration } from '../../configuration/read-configuration.ts'
import { checkClock, checkNode } from '../doctor/check-machine.ts'
import { askServer, checkPort, checkServer, checkSmtp, ownUrl } from '../doctor/check-network.ts'
import { checkQueues } from '../doctor/check-queues.ts'
import { checkSameStore } from '../doctor/check-same-store.ts'
import { checkDurability, checkExposure, checkRoles } from '../doctor/check-settings.ts'
import { checkStore } from '../doctor/check-store.ts'
import { checkWaiting } from '../doctor/check-waiting.ts'
import type { Examined } from '../doctor/examined.ts'
import { EXIT } from '../exit-codes.ts'
import { createPrinter, type Printer } from '../printer.ts'
import { namespaceOption, type ServerOptions, urlOption, withJsonOption } from '../server-command.ts'
import type { Terminal } from '../terminal.ts'

/** `taskyard doctor`: looks at machine, settings, store and server, and says what to do about what it finds. */
export function addDoctor(program: Command, terminal: Terminal): void {
  const command = program
    .command('doctor')
    .summary('say what is wrong with a set-up')
    .description(
      'Check the configuration, this machine, the store, the mail server and the running server, and say what to do about what is wrong. Changes nothing. Exits 1 when there is a problem.',
    )
    .action((options: ServerOptions) => doctor(terminal, options))
  withJsonOption(command.addOption(urlOption('TASKYARD_HOST and TASKYARD_PORT')).addOption(namespaceOption()))
}

const CHECKS: readonly ((examined: Examined) => Promise<Finding | readonly Finding[]>)[] = [
  checkRoles,
  checkDurability,
  checkExposure,
  checkStore,
  checkClock,
  checkPort,
  checkSmtp,
  checkServer,
  checkSameStore,
  checkQueues,
  checkWaiting,
]

async function doctor(terminal: Terminal, options: ServerOptions): Promise<void> {
  const findings = [await checkNode(), ...(await examine(terminal, options))]
  const isWell = findings.every(({ verdict }) => verdict !== 'problem')
  const printer = createPrinter(terminal, options.json === true)
  printer.answer({ ok: isWell, findings }, [
    ...findings.flatMap((finding) => findingLines(finding, printer)),
    '',
    summary(findings),
  ])
  terminal.exitWith(isWell ? EXIT.ok : EXIT.failed)
}

async function examine(terminal: Terminal, options: ServerOptions): Promise<Finding[]> {
  try {
    const configuration = readConfiguration(terminal.environment)
    const named = options.url ?? (terminal.environment['TASKYARD_URL']?.trim() ? configuration.url : null)
    const url = named ?? ownUrl(configuration)
    const { namespace = configuration.namespace } = options
    const examined = { configuration, terminal, url, namespace, server: await askServer(url, namespace, terminal.now) }
    return [finding.ok('configuration', 'every TASKYARD_… variable is known and valid'), ...(await runChecks(examined))]
  } catch (error) {
    if (!(error instanceof TaskyardError) || error.code !== 'invalid_configuration') throw error
    const advice =
      'Correct it and run doctor again; the other checks need it. taskyard help environment lists every variable.'
    return error.message.split('\n').map((line) => finding.problem('configuration', line, advice))
  }
}

async function runChecks(examined: Examined): Promise<Finding[]> {
  return (await Promise.all(CHECKS.map((check) => check(examined)))).flat()
}

const SIGNS = { ok: ['✔', 'green'], warning: ['!', 'yellow'], problem: ['✘', 'red'] } as const

function findingLines({ check, verdict, detail, advice }: Finding, { paint }: Printer): string[] {
  const [sign, style] = SIGNS[verdict]
  const line = `${paint(style, sign)} ${paint('bold', check.padEnd(13))}  ${detail}`
  return advice === null ? [line] : [line, `                 ${paint(style, '→')} ${advice}`]
}

function summary(findings: readonly Finding[]): string {
  const count = (verdict: Finding['verdict']) => findings.filter((finding) => finding.verdict === verdict).length
  const [problems, warnings] = [count('problem'), count('warning')]
  if (problems + warnings === 0) return 'all is well'
  return `${problems} ${problems === 1 ? 'problem' : 'problems'}, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`
}
