import type { SettleResult } from './ports/tasks.ts'
import type { OutcomeAnswer, SettleResponse } from './ports/worker-api.ts'

import { formatRfc3339 } from './rfc3339.ts'
import type { LeaseRef } from './task.ts'

/** To the outcome of an attempt whose lease is over, also one that was never sent. */
export const LEASE_LOST: OutcomeAnswer = { status: 'lost' }

/** What a worker is told of what a store has made of its outcomes; results in their order. */
export function outcomeAnswers(
  outcomes: readonly Pick<LeaseRef, 'taskId'>[],
  results: readonly SettleResult[],
): SettleResponse['results'] {
  return outcomes.map(({ taskId }, index) => ({ taskId, ...answerTo(results[index]) }))
}

function answerTo(result: SettleResult | undefined): OutcomeAnswer {
  if (result === undefined || result.status === 'lost') return LEASE_LOST
  const { status, taskStatus, runAt } = result
  return taskStatus === 'scheduled' && runAt !== null
    ? { status, taskStatus, runAt: formatRfc3339(runAt) }
    : { status, taskStatus }
}
