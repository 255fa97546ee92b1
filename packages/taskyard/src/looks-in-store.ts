import type { TaskLooks } from '@taskyard/client/shared'
import { toTaskDocument } from '@taskyard/core'
import type { UseCases } from '@taskyard/engine'
import { toEventDocument } from './engine-documents.ts'
import type { Shared } from './open-shared.ts'
import { outlast } from './outlast.ts'

/** Looks at tasks in the store that was opened. @param calls throws when nothing can be called any more */
export function looksInStore(shared: Shared, calls: () => UseCases): TaskLooks {
  const look: TaskLooks['look'] = async (id, waitSeconds, signal) =>
    toTaskDocument(await calls().wait(id, waitSeconds, signal))
  return {
    clock: shared.clock,
    closed: shared.closed.signal,
    stuckTasks: shared.stuckTasks,
    look,
    async lookAfter(error, id, signal) {
      for (let last = error; ; ) {
        await outlast(last, shared, signal)
        try {
          return await look(id, 0, signal)
        } catch (next) {
          last = next
        }
      }
    },
    waiting: async (id) => calls().waiting(id),
    events: async (id, after) => (await calls().history(id, after)).map(toEventDocument),
  }
}
