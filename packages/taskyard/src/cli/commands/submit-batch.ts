import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { LIMITS, TaskyardError } from '@taskyard/core'
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
  /** Of lines that name none. */
  readonly type: string | undefined
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
  for await (const batch of batches(readTasks(server.terminal, source))) {
    try {
      const tasks = batch.map(({ task, number }) => ({ idempotencyKey: keyOf(source, number), ...task }))
      ids.push(...(await patientClient.submitMany(tasks)).map(({ id }) => id))
    } catch (error) {
      throw stoppedAt(batch, ids.length, error)
    }
    progress.show(`submitted ${ids.length.toLocaleString('en')} tasks`)
  }
  progress.clear()
  printer.answer({ submitted: ids.length, ids }, [`submitted ${ids.length.toLocaleString('en')} tasks`])
}

function keyOf({ key }: Batch, line: number): string {
  return key === undefined ? `auto-${randomUUID()}` : `${key}:${line}`
}

async function* readTasks(terminal: Terminal, { file, type }: Batch): AsyncIterable<Line> {
  const input = file === '-' ? Readable.from(terminal.stdin) : createReadStream(file)
  let number = 0
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      number++
      const text = number === 1 ? withoutMark(line) : line
      if (text.trim() !== '')
        yield { number, bytes: Buffer.byteLength(text) + KEY_BYTES, task: readTask(text, number, type) }
    }
  } catch (error) {
    if (error instanceof CommandFailure) throw error
    throw usageFailure(`the batch cannot be read: ${(error as Error).message}`)
  }
}

function readTask(text: string, number: number, type: string | undefined): Line['task'] {
  let value: unknown
  try {
    value = parseExactJson(text)
  } catch (error) {
    throw usageFailure(`line ${number} is not JSON: ${(error as Error).message}`)
  }
  const task = { ...(type === undefined ? {} : { type }), ...(value as object) }
  if (typeof value === 'object' && !Array.isArray(value) && 'type' in task) return task as Line['task']
  throw usageFailure(
    `line ${number} is not a task: expected an object with "type", such as {"type":"email","payload":{…}}`,
  )
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

/** A batch is all or nothing, so the lines before it are in and the rest are not. */
function stoppedAt(batch: readonly Line[], submitted: number, error: unknown): CommandFailure {
  const [first, last] = [batch[0] as Line, batch.at(-1) as Line]
  const details =
    error instanceof TaskyardError
      ? error.violations.map(({ path, message }) => `${inLine(path, batch)}: ${message}`)
      : []
  const reason = details.length > 0 ? details.join('\n  ') : (error as Error).message
  return new CommandFailure(
    `lines ${first.number} to ${last.number} were refused; ${submitted} tasks before them were submitted\n  ${reason}`,
    error instanceof TaskyardError ? exitCodeOf(error) : EXIT.failed,
  )
}

/** `/tasks/3/payload/to` of the request is `/payload/to` in the line of the fourth task. */
function inLine(path: string, batch: readonly Line[]): string {
  const [, index, rest] = /^\/tasks\/(\d+)(.*)$/.exec(path) ?? []
  const line = batch[Number(index)]
  return line === undefined ? path : `line ${line.number} ${rest || '/'}`
}
