import {
  type CancelOutcome,
  type DeleteOutcome,
  type DeleteParams,
  RETRYABLE_STATUSES,
  type RetryOutcome,
  type RetryParams,
  type TaskIdsParams,
  TERMINAL_STATUSES,
  type TerminalStatus,
} from '@taskyard/core'
import { type CallContext, inParts } from './call-context.ts'
import { SCRIPTS } from './scripts.ts'
import { statusOf } from './task-records.ts'

const TASKS_PER_CALL = 500

/** The port's `cancel`. */
export async function cancel(
  context: CallContext,
  { namespace, taskIds }: TaskIdsParams,
): Promise<readonly CancelOutcome[]> {
  const outcomes: CancelOutcome[] = []
  for (const part of inParts(taskIds, TASKS_PER_CALL)) {
    const args = [context.now(), namespace, ...part]
    const [, readyLanes, ...answers] = (await context.run(SCRIPTS.cancel, args)) as string[]
    context.publishReady(readyLanes as string)
    outcomes.push(...answers.map(cancelOutcome))
  }
  return outcomes
}

function cancelOutcome(answer: string): CancelOutcome {
  const rest = answer.slice(1)
  switch (answer[0]) {
    case 'c':
      return { kind: 'cancelled' }
    case 'r':
      return { kind: 'requested', workerId: JSON.parse(rest) as string }
    case 'e':
      return { kind: 'ended', status: statusOf(rest) }
    default:
      return { kind: 'not-found' }
  }
}

/** The port's `retry`. */
export async function retry(
  context: CallContext,
  { namespace, taskIds, statuses = RETRYABLE_STATUSES }: RetryParams,
): Promise<readonly RetryOutcome[]> {
  const outcomes: RetryOutcome[] = []
  for (const part of inParts(taskIds, TASKS_PER_CALL)) {
    const args = [context.now(), namespace, lettersOf(statuses), ...part]
    const [, readyLanes, ...answers] = (await context.run(SCRIPTS.retry, args)) as string[]
    context.publishReady(readyLanes as string)
    outcomes.push(...answers.map(retryOutcome))
  }
  return outcomes
}

function retryOutcome(answer: string): RetryOutcome {
  if (answer === 'y') return { kind: 'retried' }
  return answer === 'n' ? { kind: 'not-found' } : { kind: 'not-retryable', status: statusOf(answer.slice(1)) }
}

const ENDED_LETTERS: Readonly<Record<TerminalStatus, string>> = { succeeded: 'o', failed: 'f', cancelled: 'c' }

/** As `delete.lua` and `retry.lua` are told them. */
function lettersOf(statuses: readonly TerminalStatus[]): string {
  return statuses.map((status) => ENDED_LETTERS[status]).join('')
}

/** So few at a time: a script holds everybody up, and each may have megabytes to free. */
const DELETED_PER_CALL = 100

/** The port's `delete`. */
export async function deleteTasks(
  context: CallContext,
  { namespace, taskIds, statuses = TERMINAL_STATUSES }: DeleteParams,
): Promise<readonly DeleteOutcome[]> {
  const outcomes: DeleteOutcome[] = []
  for (const part of inParts(taskIds, DELETED_PER_CALL)) {
    const args = [context.now(), namespace, lettersOf(statuses), ...part]
    const [, readyLanes, ...answers] = (await context.run(SCRIPTS.delete, args)) as string[]
    context.publishReady(readyLanes as string)
    outcomes.push(...answers.map(deleteOutcome))
  }
  return outcomes
}

function deleteOutcome(answer: string): DeleteOutcome {
  if (answer === 'y') return { kind: 'deleted' }
  return answer === 'n' ? { kind: 'not-found' } : { kind: 'kept', status: statusOf(answer.slice(1)) }
}
