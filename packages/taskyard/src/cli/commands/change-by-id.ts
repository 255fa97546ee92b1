import { type TaskDocument, TaskyardError } from '@taskyard/core'
import { exitCodeOf } from '../exit-codes.ts'
import { CommandFailure } from '../failure.ts'
import type { ServerCommand } from '../server-command.ts'
import type { Operation } from './change-operations.ts'

/** What became of one id: the task as it is now, `null` when it is gone, or why it is as it was. */
type Result = { readonly id: string } & ({ readonly task: TaskDocument | null } | { readonly error: TaskyardError })

/** Each is tried, whatever becomes of the others. */
export async function changeById(server: ServerCommand, operation: Operation, ids: readonly string[]): Promise<void> {
  const { printer } = server
  const results: Result[] = []
  for (const id of ids) results.push(await changeOne(server, operation, id))
  const failures = results.filter((result) => 'error' in result)
  const [only] = results
  if (ids.length === 1 && only !== undefined && 'error' in only) throw only.error
  const lines = results.flatMap((result) => ('task' in result ? `${result.id}  ${wordFor(result.task)}` : []))
  const [first] = failures
  const documents = results.map(documentOf)
  if (first === undefined) return printer.answer(ids.length === 1 ? documentOfOne(only) : { results: documents }, lines)
  if (!printer.json && lines.length > 0) printer.answer(null, lines)
  const message = [
    `${operation.name} failed for ${failures.length} of ${ids.length} tasks`,
    ...failures.map(({ id, error }) => `${id}: ${error.message}`),
  ].join('\n')
  const { code } = first.error
  throw new CommandFailure(message, exitCodeOf(first.error), { code }, { results: documents })
}

async function changeOne({ client }: ServerCommand, { name }: Operation, id: string): Promise<Result> {
  try {
    if (name !== 'delete') return { id, task: await client[name](id) }
    await client.delete(id)
    return { id, task: null }
  } catch (error) {
    if (!(error instanceof TaskyardError)) throw error
    return { id, error }
  }
}

function wordFor(task: TaskDocument | null): string {
  if (task === null) return 'deleted'
  return task.status === 'running' ? 'asked to stop' : task.status
}

function documentOf(result: Result): object {
  const { id } = result
  if ('error' in result) return { id, error: { code: result.error.code, message: result.error.message } }
  return result.task === null ? { id, deleted: true } : { id, task: result.task }
}

/** Of a single task its document alone. */
function documentOfOne(result: Result | undefined): unknown {
  return result !== undefined && 'task' in result ? (result.task ?? documentOf(result)) : null
}
