import type { LeasedTaskDocument, TaskHandler, TaskHandlers } from '@taskyard/core'
import { rateLimited, TaskAborted } from '@taskyard/worker'
import { spokenDuration } from '../spoken-time.ts'
import { jsonLine, type Paint, paintFor, printable, type Terminal } from '../terminal.ts'
import type { FatalError } from './fatal-errors.ts'

/** Tells what a worker does: a line for each thing that happens; with `--json`, each line is a document. */
export interface WorkReport {
  /** The same handlers, reported on. */
  watching(handlers: TaskHandlers): TaskHandlers
  started(url: string, types: readonly string[], queues: readonly string[]): void
  draining(): void
  stopped(): void
  /** The process is about to end by an error that nobody handled. */
  died(fatal: FatalError): void
  readonly trouble: (error: unknown, during: string) => void
}

type Style = Parameters<Paint>[0]
type Tell = (event: string, details: Readonly<Record<string, unknown>>, text: string, style?: Style) => void

export function createWorkReport(terminal: Terminal, json: boolean): WorkReport {
  const tell = createTell(terminal, json)
  const spans = { now: () => terminal.monotonic() }
  let done = 0
  const watched = (type: string, handler: TaskHandler): TaskHandler => {
    return async (task, context) => {
      const since = terminal.monotonic()
      const end = (event: string, sign: string, style: Style, details: object, text: string) => {
        done++
        const ms = Math.round(terminal.monotonic() - since)
        tell(
          event,
          { ...taskFields(task), ms, ...details },
          `${sign} ${type}  ${task.id}  ${text}${spokenDuration(ms)}`,
          style,
        )
      }
      tell('started', taskFields(task), `▸ ${type}  ${task.id}${again(task)}`)
      try {
        const result = await handler(task, context)
        end('finished', '✔', 'green', {}, '')
        return result
      } catch (error) {
        if (context.signal.aborted) {
          const reason = abortWord(context.signal)
          end('stopped-early', '■', 'yellow', { reason }, `${reason}  `)
          throw error
        }
        const message = error instanceof Error ? error.message : String(error)
        end('failed', '✘', 'red', { error: message }, `${message}  `)
        throw error
      }
    }
  }
  return {
    watching: (handlers) =>
      Object.fromEntries(Object.entries(handlers).map(([type, handler]) => [type, watched(type, handler)])),
    started: (url, types, queues) =>
      tell(
        'ready',
        { url, types, queues },
        `working on ${types.join(', ')} from ${queues.join(', ')} at ${url}  (Ctrl-C drains)`,
        'bold',
      ),
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
    trouble: rateLimited((error, during) => {
      const message = error instanceof Error ? error.message : String(error)
      tell('trouble', { during, message }, `! ${during}: ${message}`, 'yellow')
    }, spans),
  }
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

function shownLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}

/** `cancelled`, `timeout`, `lease lost` or `shutting down`. */
function abortWord({ reason }: AbortSignal): string {
  return reason instanceof TaskAborted ? reason.code.replace('_', ' ') : 'aborted'
}

function taskFields({ id, type, queue, attempt }: LeasedTaskDocument) {
  return { id, type, queue, attempt }
}

function again({ attempt, maxAttempts }: LeasedTaskDocument): string {
  return attempt > 1 ? `  attempt ${attempt} of ${maxAttempts}` : ''
}
