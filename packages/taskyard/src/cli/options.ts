import { EVERY_QUEUE, isName, LIMITS, nameRule, TASK_STATUSES, type TaskStatus } from '@taskyard/core'
import { type Command, InvalidArgumentError } from 'commander'
import { readPastTime, readSeconds } from './spoken-time.ts'

/** Nothing can be blocked yet. */
const OFFERED = TASK_STATUSES.filter((status) => status !== 'blocked')

/** Which tasks a command means, as its options give it. */
export interface FilterOptions {
  readonly queue?: string
  readonly type?: string
  readonly status?: readonly TaskStatus[]
  readonly tag?: string
  readonly createdAfter?: string
  readonly createdBefore?: string
  readonly errorCode?: string
}

/** Gives a command the filter of lists and bulk operations. */
export function withFilterOptions(command: Command, now: () => number): Command {
  const pastTime = pastTimeBefore(now)
  return command
    .option('-q, --queue <queue>', 'only of this queue', queueName)
    .option('-t, --type <type>', 'only of this type')
    .option('-s, --status <status>', `only in this status, or in any of several: ${OFFERED.join(',')}`, statuses)
    .option('--tag <tag>', 'only with this tag')
    .option('--error-code <code>', 'only with this code of the last error, such as timeout')
    .option('--created-after <time>', 'only created since: RFC 3339, or how long ago (90s, 15m, 2h, 7d)', pastTime)
    .option('--created-before <time>', 'only created before that time', pastTime)
}

/** The part of a command's options that chooses tasks. */
export function filterOf(options: FilterOptions): FilterOptions {
  const { queue, type, status, tag, createdAfter, createdBefore, errorCode } = options
  const entries = Object.entries({ queue, type, status, tag, createdAfter, createdBefore, errorCode })
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined))
}

/** Whether a filter means every task. */
export function isEmptyFilter(filter: FilterOptions): boolean {
  return Object.keys(filter).length === 0
}

/** Reads an option. Bounds are inclusive. @throws InvalidArgumentError */
export function wholeNumber(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN
    if (value >= minimum && value <= maximum) return value
    throw new InvalidArgumentError(`Expected a whole number from ${minimum} to ${maximum}.`)
  }
}

/** Reads an option in seconds, or as `90s`, `15m`, `2h`, `7d`; fractions are allowed, bounds are inclusive. @throws InvalidArgumentError */
export function seconds(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = readSeconds(text) ?? Number.NaN
    if (value >= minimum && value <= maximum) return value
    throw new InvalidArgumentError(`Expected seconds from ${minimum} to ${maximum}, or a time such as 30s, 5m or 2h.`)
  }
}

/** Reads an option. @throws InvalidArgumentError for what cannot be the name of a queue */
export function queueName(text: string): string {
  if (isName(text)) return text
  throw new InvalidArgumentError(`Expected a queue: ${nameRule('queue')}.`)
}

/** Reads an argument. @throws InvalidArgumentError for what cannot be the name of a type */
export function typeName(text: string): string {
  if (isName(text)) return text
  throw new InvalidArgumentError(`Expected a type: ${nameRule('type')}.`)
}

/** Reads an option of queues to take from, separated by commas; `*` is every queue. @throws InvalidArgumentError */
export function queueNames(text: string): string[] {
  return text.split(',').map((name) => (name.trim() === EVERY_QUEUE ? EVERY_QUEUE : queueName(name.trim())))
}

/** Several are separated by commas, or given one by one. */
function statuses(text: string, before: readonly TaskStatus[] = []): readonly TaskStatus[] {
  const named = text.split(',').map((name) => name.trim())
  const unknown = named.find((name) => !TASK_STATUSES.includes(name as TaskStatus))
  if (unknown === undefined) return [...before, ...(named as TaskStatus[])]
  throw new InvalidArgumentError(`Allowed choices are ${OFFERED.join(', ')}.`)
}

/** Gathers the values of an option that may be given several times. */
export function collected(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}

/** Reads a time in RFC 3339; it is sent as UTC. @throws InvalidArgumentError */
export function futureTime(text: string): string {
  const time = /^\d{4}-\d{2}-\d{2}T/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(time)) return new Date(time).toISOString()
  throw new InvalidArgumentError('Expected a time in RFC 3339, such as 2026-03-01T08:00:00Z.')
}

export const waitSeconds = seconds(0, 86_400 * 31)
export const priority = wholeNumber(-LIMITS.priority, LIMITS.priority)

function pastTimeBefore(now: () => number): (text: string) => string {
  return (text) => {
    const time = readPastTime(text, now())
    if (time !== null) return new Date(time).toISOString()
    throw new InvalidArgumentError('Expected a time such as 2026-03-01T08:00:00Z, or how long ago, such as 15m or 7d.')
  }
}
