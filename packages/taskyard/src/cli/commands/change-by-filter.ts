import { closestName, counted, grouped, isTerminal } from '@taskyard/core'
import { EXIT } from '../exit-codes.ts'
import { usageFailure } from '../failure.ts'
import type { FilterOptions } from '../options.ts'
import { canAsk, isConfirmed } from '../question.ts'
import type { ServerCommand } from '../server-command.ts'
import type { Operation } from './change-operations.ts'

interface Options {
  readonly dryRun?: boolean
  readonly yes?: boolean
}

/** Counts what matches, asks on a terminal where that is more than one task, or one that would be gone for good, and changes it. */
export async function changeByFilter(
  server: ServerCommand,
  operation: Operation,
  filter: FilterOptions,
  { dryRun = false, yes = false }: Options,
): Promise<void> {
  const { printer, terminal } = server
  const { name, done, isFinal } = operation
  if (dryRun) {
    const matched = await change(server, operation, filter, true)
    printer.answer({ matched, dryRun }, [`${counted(matched, 'task')} would be ${done}`])
    return noteWhyNone(server, operation, filter, matched)
  }
  const isAsked = !yes && !printer.json && canAsk(terminal)
  if (isFinal && !yes && !isAsked)
    throw usageFailure(`what is deleted is gone for good: add --yes, as there is nobody to ask; --dry-run only counts`)
  if (isAsked) {
    const matched = await change(server, operation, filter, true)
    const question = `${name[0]?.toUpperCase()}${name.slice(1)} ${counted(matched, 'task')}?`
    if (matched > (isFinal ? 0 : 1) && !(await isConfirmed(terminal, question))) {
      printer.note('Nothing was changed.')
      return terminal.exitWith(EXIT.failed)
    }
  }
  const matched = await change(server, operation, filter, false)
  printer.answer({ matched }, [`${counted(matched, 'task')} ${done}`])
  await noteWhyNone(server, operation, filter, matched)
}

/** Where no task could match, whatever tasks there are. */
async function noteWhyNone(
  { client, printer }: ServerCommand,
  { name }: Operation,
  { queue, status }: FilterOptions,
  matched: number,
): Promise<void> {
  if (matched > 0 || printer.json) return
  if (name === 'cancel' && status !== undefined && [status].flat().every(isTerminal))
    printer.note('cancel is for tasks that have not ended: blocked, scheduled, queued, running')
  if (queue === undefined) return
  const queues = (await client.queues()).map((known) => known.queue)
  if (queues.includes(queue)) return
  const meant = closestName(queue, queues)
  printer.note(`there is no queue ${queue}${meant === null ? '' : `; did you mean ${meant}?`}`)
}

/** Tells on a terminal how far it is, as it may take minutes. */
async function change(
  { client, progress, terminal }: ServerCommand,
  { name, matching }: Operation,
  filter: FilterOptions,
  dryRun: boolean,
): Promise<number> {
  const since = terminal.monotonic()
  const what = dryRun ? 'count' : name
  let soFar = ''
  const onProgress = (matched: number) => {
    soFar = ` ${grouped(matched)} so far,`
  }
  const show = () => progress.show(`${what} …${soFar} ${Math.round((terminal.monotonic() - since) / 1000)} s`)
  const ticking = setInterval(show, 1000)
  try {
    return await client[matching](filter, { onProgress, dryRun })
  } finally {
    clearInterval(ticking)
    progress.clear()
  }
}
