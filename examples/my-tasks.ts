// Task types of your own. Run them with: npx @taskyard/taskyard work examples/my-tasks.ts
import { readFile } from 'node:fs/promises'
import { TaskFailure, type TaskHandler } from '@taskyard/taskyard'

/** What comes back from a handler is the task's result: any JSON value. */
const greet: TaskHandler<{ name: string }, { greeting: string }> = (task) => {
  return { greeting: `Hello, ${task.payload.name}!` }
}

/** Tells how far it is, and stops when the task is cancelled or times out. */
const countWords: TaskHandler<{ files: string[] }, { words: number }> = async (task, context) => {
  let words = 0
  for (const [index, file] of task.payload.files.entries()) {
    const text = await readFile(file, { encoding: 'utf8', signal: context.signal })
    words += text.split(/\s+/).filter(Boolean).length
    context.progress({ done: index + 1, of: task.payload.files.length })
    context.log(`read ${file}`)
  }
  return { words }
}

/** What is thrown is tried again later, unless a `TaskFailure` says that it never will work. */
const charge: TaskHandler<{ cents: number }, { charged: number }> = async ({ id, payload }) => {
  if (payload.cents <= 0) {
    throw new TaskFailure('nothing to charge', { code: 'bad_amount', retryable: false })
  }
  // A task can start more than once (a worker may die after the work): let the other side know it by the task's id.
  const request = { idempotencyKey: id, cents: payload.cents }
  return { charged: request.cents }
}

export default { greet, 'count-words': countWords, charge }
