import { isTerminal, type TaskDocument } from '@taskyard/core'
import { EXIT } from '../exit-codes.ts'
import { CommandFailure } from '../failure.ts'
import type { ServerCommand } from '../server-command.ts'
import { taskLines } from '../task-lines.ts'
import { reasonsOf, remarkWhyWaiting } from '../waiting-remarks.ts'

/** Shows a task that was waited for; the exit code says whether it succeeded. */
export function answerTask({ printer, terminal }: ServerCommand, task: TaskDocument): void {
  printer.answer(task, taskLines(task, printer, terminal.now()))
  if (task.status !== 'succeeded') terminal.exitWith(EXIT.failed)
}

/** The task once it has ended; restarts of the server are waited out. `limit`: seconds to wait, `true` for as long as it takes. */
export async function waitForEnd(server: ServerCommand, id: string, limit: true | number): Promise<TaskDocument> {
  const { patientClient, progress, terminal } = server
  const show = () => progress.show(`waiting for ${id} …`)
  show()
  const signal = terminal.interrupted()
  const endRemarks = remarkWhyWaiting(server, id, show)
  const options = limit === true ? { signal } : { signal, timeoutSeconds: limit }
  const task = await patientClient.wait(id, options).finally(endRemarks)
  progress.clear()
  if (isTerminal(task.status)) return task
  const reasons = await reasonsOf(server, id)
  const details = { taskId: id, status: task.status, reasons }
  if (signal.aborted)
    throw new CommandFailure(`no longer waiting: task ${id} is ${task.status}`, EXIT.interrupted, details)
  const why = reasons[0] === undefined ? '' : `: ${reasons[0].message}`
  throw new CommandFailure(`task ${id} is still ${task.status} after ${limit} s${why}`, EXIT.timedOut, details)
}
