import { isIntegerIn } from '@taskyard/core'
import { assertName, assertNames, assertQueuesOfClaim, invalid } from './check-submission.ts'
import type { OpenSession } from './engine.ts'

/** Most tasks at a time that a worker may say it takes. */
const MOST_CONCURRENCY = 1_000_000

/**
 * The id goes into the store beside everybody else's, the rest to whoever looks at the workers.
 * @throws TaskyardError `invalid_request` that names the field by its JSON Pointer
 */
export function checkSession({ workerId, queues, types, concurrency, startId }: OpenSession): void {
  assertName(workerId, '/workerId', 'worker id')
  assertQueuesOfClaim(queues ?? [], '/queues')
  if (startId !== undefined) assertName(startId, '/startId', 'start id')
  assertNames(types ?? [], '/types', 'type')
  if (concurrency !== undefined && !isIntegerIn(concurrency, 1, MOST_CONCURRENCY)) {
    throw invalid('/concurrency', `a whole number from 1 to ${MOST_CONCURRENCY}`)
  }
}
