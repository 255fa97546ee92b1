import { DEFAULTS, spokenError, type TaskDocument, type TaskStatus, type WaitingReason } from '@taskyard/core'
import type { Printer } from './printer.ts'
import { briefDistance, spokenDistance, spokenDuration } from './spoken-time.ts'
import { stackLines } from './stack-lines.ts'
import { type Cell, type Column, tableLines } from './table.ts'
import { inOneLine, type Paint, printable, shortened } from './terminal.ts'
import { spokenTimeout } from './type-lines.ts'
import { waitingLines } from './waiting-lines.ts'

const STATUS_STYLES: Readonly<Record<TaskStatus, Parameters<Paint>[0]>> = {
  blocked: 'magenta',
  scheduled: 'blue',
  queued: 'cyan',
  running: 'yellow',
  succeeded: 'green',
  failed: 'red',
  cancelled: 'dim',
}

/** Everything about one task, a field a line. @param reasons why it does not run */
export function taskLines(
  task: TaskDocument,
  { paint, width = 1000 }: Printer,
  now: number,
  reasons: readonly WaitingReason[] = [],
): string[] {
  const [id, type, status] = [task.id, task.type, task.status].map(printable) as [string, string, TaskStatus]
  const heading = `${paint('bold', id)}  ${type}  ${paint(STATUS_STYLES[status] ?? 'bold', status)}`
  const room = Math.max(20, width - 14)
  const fields = taskFields(task, now).map(([name, value]) => {
    return `  ${paint('dim', name.padEnd(10))}  ${shortened(printable(value), room)}`
  })
  const frames = stackLines(task.error?.stack ?? '', MOST_FRAMES)
  return [
    heading,
    ...waitingLines(reasons, paint, width),
    ...fields,
    ...frames.map((frame) => paint('dim', `${' '.repeat(14)}${printable(frame)}`)),
  ]
}

const MOST_FRAMES = 4

function taskFields(task: TaskDocument, now: number): [name: string, value: string][] {
  const at = (time: string) => `${time}  (${spokenDistance(time, now)})`
  const fields: [string, string | null | false][] = [
    ['queue', task.queue],
    ['priority', task.priority !== 0 && String(task.priority)],
    ['attempt', `${task.attempt} of ${task.maxAttempts}`],
    ['time-out', task.timeoutSeconds !== DEFAULTS.timeoutSeconds && spokenTimeout(task.timeoutSeconds)],
    ['crashes', task.crashes > 0 && String(task.crashes)],
    ['tags', task.tags.length > 0 && task.tags.join(', ')],
    ['key', !isAutomatic(task.idempotencyKey) && task.idempotencyKey],
    ['created', at(task.createdAt)],
    ['due', task.status === 'scheduled' && at(task.runAt)],
    ['started', task.startedAt && at(task.startedAt)],
    ['finished', task.finishedAt && `${at(task.finishedAt)}${took(task)}`],
    ['worker', task.workerId],
    ['payload', JSON.stringify(task.payload)],
    ['progress', task.progress !== null && JSON.stringify(task.progress)],
    ['result', task.status === 'succeeded' && JSON.stringify(task.result)],
    ['error', task.error && errorText(task)],
  ]
  return fields.filter((field): field is [string, string] => typeof field[1] === 'string')
}

/** A key that the client made up to make its own repetitions harmless. */
function isAutomatic(key: string | null): boolean {
  return key?.startsWith('auto-') === true
}

function took({ startedAt, finishedAt }: TaskDocument): string {
  if (startedAt === null || finishedAt === null) return ''
  return `, took ${spokenDuration(Date.parse(finishedAt) - Date.parse(startedAt))}`
}

const COLUMNS: readonly Column[] = [
  { title: 'ID' },
  { title: 'STATUS' },
  { title: 'TYPE', least: 9 },
  { title: 'QUEUE', least: 8, dropRank: 2 },
  { title: 'ATTEMPT', align: 'right', dropRank: 3 },
  { title: 'CREATED', dropRank: 1 },
]

const ERROR: Column = { title: 'ERROR', least: 12 }
/** A terminal of less has no room for errors beside the rest: they stand below. */
const ROOM_FOR_ERRORS = 100

/** Tasks as a table. */
export function taskTableLines(tasks: readonly TaskDocument[], { paint, width }: Printer, now: number): string[] {
  const rows = tasks.map((task): Cell[] => [
    { text: task.id },
    { text: task.status, style: STATUS_STYLES[task.status] },
    { text: task.type },
    { text: task.queue },
    { text: `${task.attempt}/${task.maxAttempts}` },
    { text: briefDistance(task.createdAt, now) },
    { text: errorText(task), style: 'red' },
  ])
  if (tasks.every(({ error }) => error === null)) return tableLines(COLUMNS, rows, { paint, width })
  if (width === undefined || width >= ROOM_FOR_ERRORS) return tableLines([...COLUMNS, ERROR], rows, { paint, width })
  const [heading = '', ...lines] = tableLines(COLUMNS, rows, { paint, width })
  const below = ({ error }: TaskDocument, text: string) =>
    error === null ? [] : [paint('red', `  ${shortened(printable(text), width - 2)}`)]
  return [heading, ...tasks.flatMap((task, index) => [lines[index] as string, ...below(task, errorText(task))])]
}

function errorText({ error }: TaskDocument): string {
  return error === null ? '' : inOneLine(spokenError(error))
}
