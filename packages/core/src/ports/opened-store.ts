import type { LifecyclePort } from './lifecycle.ts'
import type { NewsPort } from './news.ts'
import type { PresencePort } from './presence.ts'
import type { QueuesPort } from './queues.ts'
import type { ReadsPort } from './reads.ts'
import type { TaskTypesPort } from './task-types.ts'
import type { TasksPort } from './tasks.ts'
import type { UpkeepPort } from './upkeep.ts'
import type { WakeUpsPort } from './wake-ups.ts'

/**
 * Where tasks live, the single source of truth, in small facets. What every adapter guarantees, and the conformance suite checks:
 *
 * - A call that resolves is committed and synced; a call that rejects with a definite error changed nothing.
 * - Repeating a call after a lost reply is safe: tasks are not doubled, a settled lease answers `ok` again.
 * - Every write under a lease is one conditional statement on task id *and* token: a stale one changes nothing.
 * - A call that names tasks, leases or workers names their namespace too, matched where they are looked up: what belongs to another
 *   is answered as what does not exist.
 * - Tokens strictly rise per task, over restarts too.
 * - Times are judged by the store's clock alone; it never runs backwards.
 * - Results come back in the order of their inputs, one for each.
 * - An id that is no lower-case UUID names no task, and a token that is none no lease: `null`, `not-found`, `lost`, never an
 *   error, and the others of the call are answered as without it.
 * - Errors are `TaskyardError`s (`store_full`, `store_read_only`, `store_unavailable`, …).
 */
export interface OpenedStore {
  readonly tasks: TasksPort
  readonly reads: ReadsPort
  readonly queues: QueuesPort
  readonly taskTypes: TaskTypesPort
  readonly presence: PresencePort
  readonly upkeep: UpkeepPort
  readonly wakeUps: WakeUpsPort
  readonly lifecycle: LifecyclePort
  /** Between the server processes on this store; `null` where only one process can use it. */
  readonly news: NewsPort | null
}
