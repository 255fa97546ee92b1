import type { TaskStatus } from '@taskyard/core'
import type { Printer } from './printer.ts'
import { spokenDuration } from './spoken-time.ts'
import { type Cell, type Column, tableLines } from './table.ts'

/** A queue as the HTTP API shows it. */
export interface Queue {
  readonly queue: string
  readonly paused: boolean
  readonly counts: Readonly<Record<TaskStatus, number>>
  readonly oldestReadyAgeSeconds: number | null
  readonly throughput: number
}

const COUNTED: readonly TaskStatus[] = ['queued', 'scheduled', 'blocked', 'running', 'succeeded', 'failed', 'cancelled']

const COLUMNS: readonly Column[] = [
  { title: 'QUEUE', flexible: true },
  { title: '' },
  ...COUNTED.map((status): Column => ({ title: status.toUpperCase(), align: 'right' })),
  { title: 'OLDEST', align: 'right' },
  { title: 'TASKS/S', align: 'right' },
]

/** Queues as a table. */
export function queueTableLines(
  queues: readonly Queue[],
  { paint, width }: Pick<Printer, 'paint' | 'width'>,
): string[] {
  const rows = queues.map((queue): Cell[] => [
    { text: queue.queue },
    { text: queue.paused ? 'paused' : '', style: 'yellow' },
    ...COUNTED.map((status) => countCell(status, queue.counts[status])),
    { text: oldest(queue) },
    { text: queue.throughput.toFixed(1) },
  ])
  return tableLines(COLUMNS, rows, { paint, width })
}

/** One queue on one line, for logs. */
export function queueLine(queue: Queue): string {
  const counts = COUNTED.map((status) => `${status}=${queue.counts[status]}`).join(' ')
  return `${queue.queue}${queue.paused ? ' (paused)' : ''}  ${counts} throughput=${queue.throughput.toFixed(1)}`
}

function countCell(status: TaskStatus, count: number): Cell {
  const text = count.toLocaleString('en')
  if (count === 0) return { text: '·', style: 'dim' }
  return status === 'failed' ? { text, style: 'red' } : status === 'running' ? { text, style: 'yellow' } : { text }
}

function oldest({ oldestReadyAgeSeconds: age }: Queue): string {
  return age === null ? '' : spokenDuration(age * 1000)
}
