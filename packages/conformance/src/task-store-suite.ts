import { createSuite, type StoreSuiteOptions } from './suite.ts'
import { describeCancel } from './task-store/cancel.ts'
import { describeClaimOrder } from './task-store/claim-order.ts'
import { describeClaimRequests } from './task-store/claim-requests.ts'
import { describeClaimers } from './task-store/claimers.ts'
import { describeConcurrency } from './task-store/concurrency.ts'
import { describeCounts } from './task-store/counts.ts'
import { describeCrashes } from './task-store/crashes.ts'
import { describeCrashesTakenBack } from './task-store/crashes-taken-back.ts'
import { describeDelete } from './task-store/delete.ts'
import { describeEnqueue } from './task-store/enqueue.ts'
import { describeEveryQueue } from './task-store/every-queue.ts'
import { describeFencing } from './task-store/fencing.ts'
import { describeFullQueue } from './task-store/full-queue.ts'
import { describeHistory } from './task-store/history.ts'
import { describeHolders } from './task-store/holders.ts'
import { describeHostileNames } from './task-store/hostile-names.ts'
import { describeHostileText } from './task-store/hostile-text.ts'
import { describeIdempotency } from './task-store/idempotency.ts'
import { describeIsolation } from './task-store/isolation.ts'
import { describeIsolationOfCalls } from './task-store/isolation-of-calls.ts'
import { describeLeases } from './task-store/leases.ts'
import { describeLifecycle } from './task-store/lifecycle.ts'
import { describeList } from './task-store/list.ts'
import { describeLostReplies } from './task-store/lost-replies.ts'
import { describeManyQueues } from './task-store/many-queues.ts'
import { describeModel } from './task-store/model.ts'
import { describeNews } from './task-store/news.ts'
import { describeOutage } from './task-store/outage.ts'
import { describePause } from './task-store/pause.ts'
import { describePayloads } from './task-store/payloads.ts'
import { describePersistence } from './task-store/persistence.ts'
import { describePosition } from './task-store/position.ts'
import { describeQueueDepth } from './task-store/queue-depth.ts'
import { describeRecord } from './task-store/record.ts'
import { describeRetention } from './task-store/retention.ts'
import { describeRetry } from './task-store/retry.ts'
import { describeSettle } from './task-store/settle.ts'
import { describeRepeatedSettlements } from './task-store/settle-repeated.ts'
import { describeSlowServer } from './task-store/slow-server.ts'
import { describeSweep } from './task-store/sweep.ts'
import { describeTimeouts } from './task-store/timeouts.ts'
import { describeTwoProcesses } from './task-store/two-processes.ts'
import { describeTypeDefaults } from './task-store/type-defaults.ts'
import { describeWakeUp } from './task-store/wake-up.ts'
import { describeWrongClock } from './task-store/wrong-clock.ts'

/** Areas whose calls change something: what repeating after refusals and lost replies could spoil. */
const WRITING_AREAS = [
  describeEnqueue,
  describeIdempotency,
  describeQueueDepth,
  describeLeases,
  describeClaimRequests,
  describeFencing,
  describeSettle,
  describeRepeatedSettlements,
  describeRecord,
  describeCancel,
  describeRetry,
  describeDelete,
  describeCrashes,
  describeCrashesTakenBack,
  describeTimeouts,
  describeRetention,
  describeTypeDefaults,
  describePersistence,
  describeConcurrency,
  describeModel,
]

/** A faulty connection would add nothing here but time. */
const OTHER_AREAS = [
  describeClaimOrder,
  describeEveryQueue,
  describeManyQueues,
  describePause,
  describeIsolation,
  describeIsolationOfCalls,
  describeHolders,
  describeClaimers,
  describePosition,
  describeList,
  describeCounts,
  describeHistory,
  describeSweep,
  describePayloads,
  describeHostileText,
  describeHostileNames,
  describeLostReplies,
  describeWakeUp,
  describeLifecycle,
  describeTwoProcesses,
  describeNews,
  describeWrongClock,
  describeOutage,
  describeSlowServer,
  describeFullQueue,
]

/**
 * Certifies a task store: registers every behaviour of the `OpenedStore` port as a test of the given runner. An adapter's
 * whole test of the port is one call of this, with what it declares to lack.
 */
export function describeTaskStore(options: StoreSuiteOptions): void {
  const suite = createSuite(options)
  suite.describe(`task store: ${options.name}`, () => {
    const areas = options.faults === undefined ? [...WRITING_AREAS, ...OTHER_AREAS] : WRITING_AREAS
    for (const describeArea of areas) describeArea(suite)
  })
}
