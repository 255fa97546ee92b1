/** A worker and its caller, with all that they say. */
export const FOR_GOOD = `import { Client, TaskFailure, TaskResultError, TaskyardError } from '@taskyard/client'
import type { TaskContext, TaskHandler, TaskHandlers, WorkerOptions } from '@taskyard/client'

const mail: TaskHandler<{ to: string }, { messageId: string }> = (task, context: TaskContext) => {
  context.log('to ' + task.payload.to)
  throw new TaskFailure('no such mailbox', { code: 'mailbox_unknown', retryable: false })
}
const handlers = { mail } satisfies TaskHandlers
const options: WorkerOptions = { concurrency: 1 }
const yard = new Client<typeof handlers>({ url: process.argv[2] ?? '' })
yard.work(handlers, options)
try {
  await yard.submitAndWait('mail', { to: 'ada@example.com' })
} catch (error) {
  if (!(error instanceof TaskResultError)) throw error
  console.log(error.code + ' at attempt ' + error.task.attempt + ' of ' + error.task.maxAttempts)
}
try {
  await yard.get('01900000-0000-7000-8000-000000000000')
} catch (error) {
  if (error instanceof TaskyardError) console.log(error.code)
}
await yard.close()
`
