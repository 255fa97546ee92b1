import type { SettleResult } from './ports/tasks.ts'
import type { OutcomeAnswer } from './ports/worker-api.ts'
import { formatRfc3339 } from './rfc3339.ts'

/** Also of an outcome that was never sent. */
export const LOST: OutcomeAnswer = { status: 'lost' }

/** What a worker is told of what a store has made of its outcome. */
export function toOutcomeAnswer(result: SettleResult): OutcomeAnswer {
  if (result.status === 'lost') return LOST
  const { status, taskStatus, runAt } = result
  return taskStatus === 'scheduled' && runAt !== null
    ? { status, taskStatus, runAt: formatRfc3339(runAt) }
    : { status, taskStatus }
}
