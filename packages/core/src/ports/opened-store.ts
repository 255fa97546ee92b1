import type { EventBus } from './event-bus.ts'
import type { TaskStore } from './task-store.ts'

/** What opening a store's URL gives. Closing the store closes the bus. */
export interface OpenedStore {
  readonly store: TaskStore
  /** News between the server processes on this store; `null` where only one process can use it. */
  readonly bus: EventBus | null
}
