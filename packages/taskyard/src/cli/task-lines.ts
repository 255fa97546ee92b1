import type { TaskDocument, TaskStatus } from '@taskyard/core'
import type { Printer } from './printer.ts'
import { spokenDistance, spokenDuration } from './spoken-time.ts'
import { stackLines } from './stack-lines.ts'
import { type Cell, type Column, tableLines } from './table.ts'
import { type Paint, printable, shortened } from './terminal.ts'

const STATUS_STYLES: Readonly<Record<TaskStatus, Parameters<Paint>[0]>> = {
  blocked: 'magenta',
  scheduled: 'blue',
  queued: 'cyan',
  running: 'yellow',
  succeeded: 'green',
  failed: 'red',
  cancelled: 'dim',
}

/** Everything about one task, a field a line. */
export function taskLines(task: TaskDocument, { paint, width = 1000 }: Printer, now: number): string[] {
  const [id, type, status] = [task.id, task.type, task.status].map(printable) as [string, string, TaskStatus]
  const heading = `${paint('bold', id)}  ${type}  ${paint(STATUS_STYLES[status] ?? 'bold', status)}`
  const room = Math.max(20, width - 14)
  const fields = taskFields(task, now).map(([name, value]) => {
    return `  ${paint('dim', name.padEnd(10))}  ${shortened(printable(value), room)}`
  })
  const frames = stackLines(task.error?.stack ?? '', MOST_FRAMES)
  return [heading, ...fields, ...frames.map((frame) => paint('dim', `${' '.repeat(14)}${printable(frame)}`))]
}

const MOST_FRAMES = 4

function taskFields(task: TaskDocument, now: number): [name: string, value: string][] {
  const at = (time: string) => `${time}  (${spokenDistance(time, now)})`
  const fields: [string, string | null | false][] = [
    ['queue', task.queue],
    ['priority', task.priority !== 0 && String(task.priority)],
    ['attempt', `${task.attempt} of ${task.maxAttempts}`],
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
    ['error', task.error && `${task.error.code}: ${task.error.message}`],
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
  { title: 'TYPE' },
  { title: 'QUEUE', dropRank: 2 },
  { title: 'ATTEMPT', align: 'right', dropRank: 3 },
  { title: 'CREATED', dropRank: 1 },
  { title: 'ERROR', flexible: true },
]

/** Tasks as a table. */
export function taskTableLines(tasks: readonly TaskDocument[], { paint, width }: Printer, now: number): string[] {
  const rows = tasks.map((task): Cell[] => [
    { text: task.id },
    { text: task.status, style: STATUS_STYLES[task.status] },
    { text: task.type },
    { text: task.queue },
    { text: `${task.attempt}/${task.maxAttempts}` },
    { text: spokenDistance(task.createdAt, now) },
    { text: task.error === null ? '' : `${task.error.code}: ${task.error.message}`, style: 'red' },
  ])
  const columns = tasks.some(({ error }) => error !== null) ? COLUMNS : COLUMNS.slice(0, -1)
  return tableLines(columns, rows, { paint, width })
}
