import {
  EVERY_QUEUE,
  type LeasedTaskDocument,
  mapHandlers,
  spokenError,
  type TaskHandler,
  type TaskHandlers,
} from '@taskyard/core'
import { type AttemptEnd, rateLimited, type WorkerEvent } from '@taskyard/worker'
import { spokenDistance, spokenDuration } from '../spoken-time.ts'
import { stackLines } from '../stack-lines.ts'
import { jsonLine, type Paint, paintFor, printable, type Terminal } from '../terminal.ts'
import type { FatalError } from './fatal-errors.ts'

/** Tells what a worker does: a line for each thing that happens; with `--json`, each line is a document. */
export interface WorkReport {
  /** The same handlers, reported on. */
  watching(handlers: TaskHandlers): TaskHandlers
  /** What became of an attempt: whether its handler returned does not tell. */
  ended(event: WorkerEvent, end: AttemptEnd): void
  started(
    server: { readonly url: string; readonly namespace: string },
    types: readonly string[],
    queues: readonly string[],
  ): void
  draining(): void
  stopped(): void
  /** The process is about to end by an error that nobody handled. */
  died(fatal: FatalError): void
  /** The process ends while these run. */
  exited(tasks: readonly LeasedTaskDocument[]): void
  readonly trouble: (error: unknown, during: string) => void
}

type Style = Parameters<Paint>[0]
type Tell = (event: string, details: Readonly<Record<string, unknown>>, text: string, style?: Style) => void

/** @param json whether lines are JSON, for programs, instead of text for people */
export function createWorkReport(terminal: Terminal, json: boolean): WorkReport {
  const tell = createTell(terminal, json)
  const spans = { now: () => terminal.monotonic() }
  let done = 0
  const startedAt = new WeakMap<LeasedTaskDocument, number>()
  const watched = (type: string, handler: TaskHandler): TaskHandler => {
    return (task, context) => {
      startedAt.set(task, terminal.monotonic())
      tell('started', taskFields(task), `▸ ${type}  ${task.id}${again(task)}`)
      return handler(task, context)
    }
  }
  return {
    watching: (handlers) => mapHandlers(handlers, watched),
    started: ({ url, namespace }, types, queues) =>
      tell(
        'ready',
        { url, namespace, types, queues },
        `working on ${types.join(', ')} from ${queuesInWords(queues)} of namespace ${namespace} at ${url}  (Ctrl-C drains)`,
        'bold',
      ),
    ended(became, end) {
      const { task } = end
      const since = startedAt.get(task)
      // Given back, or taken away, before its handler was called.
      if (since === undefined && !isFailure(became)) return
      done++
      const ms = since === undefined ? 0 : Math.round(terminal.monotonic() - since)
      const { event, sign, style, details, text } = becameOf(became, end)
      const { words, fields } = isFailure(became) ? fateOf(end, terminal.now()) : NO_FATE
      const line = [`${sign} ${task.type}`, task.id, text, spokenDuration(ms), words].filter((part) => part !== '')
      tell(event, { ...taskFields(task), ms, ...details, ...fields }, line.join('  '), style)
      if (!json && event === 'failed') writeStack(terminal, end.error?.stack ?? '')
    },
    draining: () =>
      tell('draining', {}, 'draining: no new tasks, running ones finish (again to quit at once)', 'yellow'),
    stopped: () => tell('stopped', { tasks: done }, `stopped after ${done} ${done === 1 ? 'task' : 'tasks'}`, 'bold'),
    died: ({ error, task }) => {
      const details = error instanceof Error ? (error.stack ?? error.message) : String(error)
      const whose = task === null ? 'an error that nobody handles' : `${task.type}  ${task.id}  left an error behind`
      const fields = task === null ? {} : taskFields(task)
      tell('died', { ...fields, error: details }, `✘ ${whose}; the worker ends`, 'red')
      if (!json) terminal.stdout.write(`${shownLines(details)}\n`)
    },
    exited: (tasks) => {
      const names = tasks.slice(0, MOST_NAMED).map(({ type, id }) => `${type} ${id}`)
      if (tasks.length > MOST_NAMED) names.push(`and ${tasks.length - MOST_NAMED} more`)
      terminal.stderr.write(`the process has ended while it ran ${printable(names.join(', '))}\n`)
    },
    trouble: rateLimited((error, during) => {
      const message = error instanceof Error ? error.message : String(error)
      tell('trouble', { during, message }, `! ${during}: ${message}`, 'yellow')
    }, spans),
  }
}

function queuesInWords(queues: readonly string[]): string {
  return queues.includes(EVERY_QUEUE) ? 'every queue' : queues.join(', ')
}

function createTell(terminal: Terminal, json: boolean): Tell {
  const { stdout, environment } = terminal
  const paint = paintFor(stdout, environment)
  return (event, details, text, style) => {
    const at = new Date(terminal.now()).toISOString()
    if (json) return void stdout.write(`${jsonLine({ at, event, ...details })}\n`)
    const line = printable(text)
    stdout.write(`${paint('dim', at.slice(11, 23))}  ${style === undefined ? line : paint(style, line)}\n`)
  }
}

const MOST_FRAMES = 8
const MOST_NAMED = 10

function writeStack({ stdout, environment }: Terminal, stack: string): void {
  const paint = paintFor(stdout, environment)
  for (const line of stackLines(stack, MOST_FRAMES))
    stdout.write(`${paint('dim', `${' '.repeat(16)}${printable(line)}`)}\n`)
}

function shownLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}

interface EndLine {
  readonly event: string
  readonly sign: string
  readonly style: Style
  readonly details: Readonly<Record<string, unknown>>
  readonly text: string
}

function isFailure(became: WorkerEvent): boolean {
  return became === 'failed' || became === 'retry-scheduled'
}

function becameOf(became: WorkerEvent, { error, aborted }: AttemptEnd): EndLine {
  // Whether the worker or the server was the first to end it for that.
  if (aborted === 'timeout' && (isFailure(became) || became === 'lost')) return stoppedEarly('timeout')
  switch (became) {
    case 'succeeded':
      return { event: 'finished', sign: '✔', style: 'green', details: {}, text: '' }
    case 'lost':
      return stoppedEarly('lease lost', 'lease lost: its outcome does not count')
    case 'cancelled':
    case 'released':
      return stoppedEarly((aborted ?? became).replace('_', ' '))
    case 'failed':
    case 'retry-scheduled': {
      const { code = 'error', message = '' } = error ?? {}
      const text = code === 'error' ? message : spokenError({ code, message })
      return { event: 'failed', sign: '✘', style: 'red', details: { error: message, code }, text }
    }
  }
}

const NO_FATE = { words: '', fields: {} }

/** What comes after an attempt that failed: as the server has decided. */
function fateOf({ task, taskStatus, runAt }: AttemptEnd, now: number) {
  const fields = { taskStatus, runAt }
  if (taskStatus === 'failed') return { words: 'failed for good', fields }
  const due = runAt === null || Date.parse(runAt) <= now ? 'now' : spokenDistance(runAt, now)
  return { words: `attempt ${task.attempt + 1} of ${task.maxAttempts} ${due}`, fields }
}

function stoppedEarly(reason: string, text = reason): EndLine {
  return { event: 'stopped-early', sign: '■', style: 'yellow', details: { reason }, text }
}

function taskFields({ id, type, queue, attempt }: LeasedTaskDocument) {
  return { id, type, queue, attempt }
}

function again({ attempt, maxAttempts }: LeasedTaskDocument): string {
  return attempt > 1 ? `  attempt ${attempt} of ${maxAttempts}` : ''
}
