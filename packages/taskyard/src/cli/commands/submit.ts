import { readFile } from 'node:fs/promises'
import type { SubmittedTask } from '@taskyard/client'
import { LIMITS, type TaskDocument, TaskyardError } from '@taskyard/core'
import type { Command } from 'commander'
import { parseExactJson, withoutMark } from '../exact-json.ts'
import { usageFailure } from '../failure.ts'
import { collected, futureTime, priority, queueName, seconds, waitSeconds, wholeNumber } from '../options.ts'
import { onServer, type ServerCommand, type ServerOptions, withServerOptions } from '../server-command.ts'
import { spokenDistance } from '../spoken-time.ts'
import type { Terminal } from '../terminal.ts'
import { type Batch, submitBatch } from './submit-batch.ts'
import { answerTask, waitForEnd } from './task-answer.ts'

interface SubmitOptions extends ServerOptions {
  readonly batch?: string
  readonly wait?: true | number
  readonly queue?: string
  readonly priority?: number
  readonly delay?: number
  readonly runAt?: string
  readonly maxAttempts?: number
  readonly timeout?: number
  readonly tag?: readonly string[]
  readonly key?: string
}

/** `taskyard submit`: one task, or those of an NDJSON file. */
export function addSubmit(program: Command, terminal: Terminal): void {
  const command = program
    .command('submit')
    .summary('submit a task, or many from a file')
    .description('Submit a task. It is stored durably before this command says so.')
    .argument('[type]', 'what kind of task, such as email or http-request')
    .argument('[payload]', 'JSON; - reads it from standard input, @FILE from a file (default: null)')
    .option('-q, --queue <queue>', 'where it waits', queueName)
    .option('-p, --priority <n>', 'higher runs first, -1000 to 1000', priority)
    .option(
      '--delay <seconds>',
      'not before so many seconds from now; also 5m, 2h, 1d',
      seconds(0, LIMITS.delaySeconds),
    )
    .option('--run-at <time>', 'not before this time, RFC 3339', futureTime)
    .option('--max-attempts <n>', 'tries that may fail before it fails for good', wholeNumber(1, LIMITS.maxAttempts))
    .option('--timeout <seconds>', 'how long one attempt may run', seconds(0.001, LIMITS.timeoutSeconds))
    .option('--tag <tag>', 'a label to find it by; repeatable', collected)
    .option('--key <key>', 'idempotency key: repeating the command adds nothing a second time')
    .option('-w, --wait [seconds]', 'wait until it ends; exit 1 unless it succeeded', waitSeconds)
    .option(
      '--batch <file>',
      'one task per line, {"type":…,"payload":…,"queue":…}, else as the options say; - for standard input',
    )
    .addHelpText('after', EXAMPLES)
    .action((type: string | undefined, payload: string | undefined, options: SubmitOptions) =>
      onServer(terminal, options, (server) => submit(server, type, payload, options)),
    )
  withServerOptions(command)
}

const EXAMPLES = `
Examples:
  taskyard submit email '{"to":"ada@example.com","subject":"Hello","text":"Hi"}'
  taskyard submit transform @order.json --queue reports --delay 60
  echo '{"text":"hello"}' | taskyard submit uppercase - --wait
  taskyard submit --batch tasks.ndjson --key import-7`

async function submit(
  server: ServerCommand,
  type: string | undefined,
  payload: string | undefined,
  options: SubmitOptions,
) {
  if (options.batch !== undefined) return submitBatch(server, batchOf(options.batch, type, payload, options))
  if (type === undefined) throw usageFailure('name the type of the task: taskyard submit TYPE [PAYLOAD]')
  const { task, replayed } = await submitOne(server, type, await readPayload(payload, server.terminal), options)
  if (options.wait === undefined) return answerSubmitted(server, task, replayed)
  if (replayed) server.printer.note(`already submitted under this key, as ${task.id}`)
  answerTask(server, await waitForEnd(server, task.id, options.wait))
}

/** `replayed`: it was submitted before under this key, and nothing was added. */
async function submitOne({ client }: ServerCommand, type: string, payload: unknown, options: SubmitOptions) {
  if (options.key === undefined) {
    return { task: await client.submit(type, payload, submitOptions(options)), replayed: false }
  }
  // Of a batch each task is told whether it was added.
  const [submitted] = await client.submitMany([{ type, payload, ...submitOptions(options) }]).catch(refusedAlone)
  const { id, replayed = false } = submitted as SubmittedTask
  return { task: await client.get(id), replayed }
}

function refusedAlone(error: unknown): never {
  if (!(error instanceof TaskyardError)) throw error
  const plain = (text: string) => text.replaceAll('/tasks/0/', '/')
  const violations = error.violations.map(({ path, message }) => ({ path: plain(path), message }))
  throw new TaskyardError(error.code, {}, { message: plain(error.message), violations, cause: error })
}

function batchOf(file: string, type: string | undefined, payload: string | undefined, options: SubmitOptions): Batch {
  if (payload !== undefined) throw usageFailure('--batch takes no payload: each line has its own')
  if (options.wait !== undefined) throw usageFailure('--batch takes no --wait: see what became of the tasks with list')
  const { key, ...others } = options
  return { file, key, defaults: { ...(type === undefined ? {} : { type }), ...submitOptions(others) } }
}

function answerSubmitted(
  { printer, terminal, sameServer }: ServerCommand,
  task: TaskDocument,
  replayed: boolean,
): void {
  const due = task.status === 'scheduled' ? `, due ${spokenDistance(task.runAt, terminal.now())}` : ''
  const before = replayed ? ', already submitted under this key: nothing was added' : ''
  printer.answer(replayed ? { ...task, replayed } : task, [
    `${printer.paint('bold', task.id)}  ${task.status} in ${task.queue}${due}${before}`,
  ])
  printer.note(`See what becomes of it: taskyard get ${task.id} --wait${sameServer}`)
}

function submitOptions({ queue, priority, delay, runAt, maxAttempts, timeout, tag, key }: SubmitOptions) {
  const options = {
    queue,
    priority,
    delaySeconds: delay,
    runAt,
    maxAttempts,
    timeoutSeconds: timeout,
    tags: tag,
    idempotencyKey: key,
  }
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

async function readPayload(argument: string | undefined, terminal: Terminal): Promise<unknown> {
  if (argument === undefined) return null
  const text = withoutMark(await payloadText(argument, terminal))
  try {
    return parseExactJson(text)
  } catch (error) {
    const hint = argument === text ? ' Quote it for the shell, text included: \'"text"\'.' : ''
    throw usageFailure(`the payload is not JSON: ${(error as Error).message}.${hint}`)
  }
}

async function payloadText(argument: string, { stdin }: Terminal): Promise<string> {
  if (argument === '-') return readAll(stdin)
  if (!argument.startsWith('@')) return argument
  try {
    return await readFile(argument.slice(1), 'utf8')
  } catch (error) {
    throw usageFailure(`the payload cannot be read: ${(error as Error).message}`)
  }
}

async function readAll(input: AsyncIterable<string | Uint8Array>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of input) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}
