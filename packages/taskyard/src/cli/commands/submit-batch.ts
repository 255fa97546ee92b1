import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { counted, LIMITS, TaskyardError } from '@taskyard/core'
import { parseExactJson, withoutMark } from '../exact-json.ts'
import { EXIT, exitCodeOf } from '../exit-codes.ts'
import { CommandFailure, usageFailure } from '../failure.ts'
import type { ServerCommand } from '../server-command.ts'
import type { Terminal } from '../terminal.ts'

interface Line {
  readonly number: number
  /** With room for a key. */
  readonly bytes: number
  readonly task: { readonly type: string; readonly payload: unknown }
}

/** `"idempotencyKey":"",` and the longest key. */
const KEY_BYTES = 21 + LIMITS.idempotencyKeyLength

/** Room for the brackets and commas around a batch. */
const BATCH_BYTES = LIMITS.bodyBytes - 4 * LIMITS.batch

export interface Batch {
  /** `-`: standard input. */
  readonly file: string
  /** Fields of a submission, for lines that do not have them. */
  readonly defaults: object
  /** Lines that have no idempotency key of their own get this one with their number. */
  readonly key: string | undefined
}

/**
 * Submits every line of an NDJSON file, in parts. Each task has an idempotency key, so a part whose answer was lost is
 * sent again without harm. Stops at the first part that is refused, and says which line was wrong.
 */
export async function submitBatch(server: ServerCommand, source: Batch): Promise<void> {
  const { client, patientClient, printer, progress } = server
  await client.info()
  const ids: string[] = []
  let replayed = 0
  let lastLine = 0
  try {
    for await (const batch of batches(readTasks(server.terminal, source))) {
      const tasks = batch.map(({ task, number }) => ({ idempotencyKey: keyOf(source, number), ...task }))
      const submitted = await patientClient.submitMany(tasks).catch((error) => Promise.reject(refusal(batch, error)))
      ids.push(...submitted.map(({ id }) => id))
      replayed += submitted.filter((task) => task.replayed).length
      lastLine = batch.at(-1)?.number ?? 0
      progress.show(`submitted ${counted(ids.length, 'task')}`)
    }
  } catch (error) {
    throw error instanceof CommandFailure ? stopped(error, ids.length, lastLine) : error
  }
  progress.clear()
  printer.answer({ submitted: ids.length, replayed, ids }, [words(ids.length - replayed, replayed)])
}

function words(submitted: number, replayed: number): string {
  const tasks = (count: number) => counted(count, 'task')
  if (replayed === 0) return `submitted ${tasks(submitted)}`
  return `submitted ${tasks(submitted)}; ${tasks(replayed)} had been submitted before under the same keys`
}

function keyOf({ key }: Batch, line: number): string {
  return key === undefined ? `auto-${randomUUID()}` : `${key}:${line}`
}

async function* readTasks(terminal: Terminal, { file, defaults }: Batch): AsyncIterable<Line> {
  const given = Buffer.byteLength(JSON.stringify(defaults))
  const input = file === '-' ? Readable.from(terminal.stdin) : createReadStream(file)
  let number = 0
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      number++
      const text = number === 1 ? withoutMark(line) : line
      if (text.trim() !== '')
        yield { number, bytes: Buffer.byteLength(text) + given + KEY_BYTES, task: readTask(text, number, defaults) }
    }
  } catch (error) {
    if (error instanceof CommandFailure) throw error
    throw usageFailure(`the batch cannot be read: ${(error as Error).message}`)
  }
}

function readTask(text: string, number: number, defaults: object): Line['task'] {
  let value: unknown
  try {
    value = parseExactJson(text)
  } catch (error) {
    throw usageFailure(`line ${number} is not JSON: ${(error as Error).message}`)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const task = withType({ ...defaultsFor(value, defaults), ...value })
    if ('type' in task) return task as Line['task']
  }
  throw usageFailure(
    `line ${number} is not a task: expected an object with "type", such as {"type":"email","payload":{…}}`,
  )
}

/** Of two names for its type that differ, none is dropped in silence. */
function withType(task: { readonly type?: unknown; readonly task_type?: unknown }): object {
  const { task_type, ...rest } = task
  if (task_type === undefined || (rest.type ?? task_type) !== task_type) return task
  return { ...rest, type: task_type }
}

/** Two names of one thing: a line that has either has it. */
const ALTERNATIVES = [
  ['type', 'task_type'],
  ['delaySeconds', 'runAt'],
] as const

function defaultsFor(line: object, defaults: object): object {
  const given = ALTERNATIVES.filter((names) => names.some((name) => name in line)).flat()
  return Object.fromEntries(Object.entries(defaults).filter(([name]) => !given.some((known) => known === name)))
}

async function* batches(lines: AsyncIterable<Line>): AsyncIterable<readonly Line[]> {
  let batch: Line[] = []
  let bytes = 0
  for await (const line of lines) {
    if (batch.length === LIMITS.batch || (batch.length > 0 && bytes + line.bytes > BATCH_BYTES)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(line)
    bytes += line.bytes
  }
  if (batch.length > 0) yield batch
}

/** A part is all or nothing; whether it is in is open when its answer was lost for too long. */
function refusal(batch: readonly Line[], error: unknown): CommandFailure {
  const lines = `lines ${batch[0]?.number} to ${batch.at(-1)?.number}`
  if (!(error instanceof TaskyardError)) {
    return new CommandFailure(`${lines} were not sent\n  ${(error as Error).message}`, EXIT.failed)
  }
  const { code, message, retryable, definite, violations } = error
  const details = violations.map(({ path, message }) => `${inLine(path, batch)}: ${message}`)
  const outcome = definite ? 'were refused' : 'may be in or not'
  return new CommandFailure(`${lines} ${outcome}\n  ${details.join('\n  ') || message}`, exitCodeOf(error), {
    code,
    retryable,
  })
}

function stopped({ message, exitCode, details }: CommandFailure, submitted: number, lastLine: number): CommandFailure {
  const before = submitted === 0 ? 'nothing' : `${submitted} tasks, lines 1 to ${lastLine}`
  return new CommandFailure(`${message}\n  submitted before: ${before}`, exitCode, { ...details, submitted })
}

/** `/tasks/3/payload/to` of the request is `/payload/to` in the line of the fourth task. */
function inLine(path: string, batch: readonly Line[]): string {
  const [, index, rest] = /^\/tasks\/(\d+)(.*)$/.exec(path) ?? []
  const line = batch[Number(index)]
  return line === undefined ? path : `line ${line.number} ${rest || '/'}`
}
