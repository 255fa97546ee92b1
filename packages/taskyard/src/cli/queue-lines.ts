import type { QueueDocument } from '@taskyard/client'
import type { TaskStatus } from '@taskyard/core'
import type { Printer } from './printer.ts'
import { spokenDuration } from './spoken-time.ts'
import { type Cell, type Column, tableLines } from './table.ts'

const COUNTED: readonly TaskStatus[] = ['queued', 'scheduled', 'blocked', 'running', 'succeeded', 'failed', 'cancelled']

/** What a narrow terminal shows least; the last goes first. */
const DROPPED_FIRST: readonly TaskStatus[] = ['scheduled', 'succeeded', 'cancelled']

/** Queues as a table. */
export function queueTableLines(
  queues: readonly QueueDocument[],
  { paint, width }: Pick<Printer, 'paint' | 'width'>,
): string[] {
  const shown = COUNTED.filter((status) => isShown(status, queues))
  const rows = queues.map((queue): Cell[] => [
    { text: queue.queue },
    { text: queue.paused ? 'paused' : '', style: 'yellow' },
    ...shown.map((status) => countCell(status, queue.counts[status])),
    { text: oldest(queue) },
    { text: queue.throughput.toFixed(1) },
  ])
  return tableLines(columnsOf(shown), rows, { paint, width })
}

/** Nothing of this version can be blocked. */
function isShown(status: TaskStatus, queues: readonly QueueDocument[]): boolean {
  return status !== 'blocked' || queues.some(({ counts }) => counts.blocked > 0)
}

function columnsOf(statuses: readonly TaskStatus[]): readonly Column[] {
  return [
    { title: 'QUEUE', least: 12 },
    { title: '' },
    ...statuses.map((status): Column => {
      return { title: status.toUpperCase(), align: 'right', dropRank: DROPPED_FIRST.indexOf(status) + 1 }
    }),
    { title: 'OLDEST', align: 'right' },
    { title: 'TASKS/S', align: 'right' },
  ]
}

/** One queue on one line, for logs. */
export function queueLine(queue: QueueDocument): string {
  const shown = COUNTED.filter((status) => isShown(status, [queue]))
  const counts = shown.map((status) => `${status}=${queue.counts[status]}`).join(' ')
  return `${queue.queue}${queue.paused ? ' (paused)' : ''}  ${counts} throughput=${queue.throughput.toFixed(1)}`
}

function countCell(status: TaskStatus, count: number): Cell {
  const text = count.toLocaleString('en')
  if (count === 0) return { text: '·', style: 'dim' }
  return status === 'failed' ? { text, style: 'red' } : status === 'running' ? { text, style: 'yellow' } : { text }
}

function oldest({ oldestReadyAgeSeconds: age }: QueueDocument): string {
  return age === null ? '' : spokenDuration(age * 1000)
}
