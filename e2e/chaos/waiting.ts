import type { HistoryEvent } from './history.ts'
import { isEmbedded } from './load.ts'

/** Counts the acknowledged tasks of the remote workers that nobody has leased yet. */
export function countWaiting() {
  const waiting = new Set<string>()
  const begun = new Set<string>()
  return {
    tasks: () => waiting.size,
    see(event: HistoryEvent) {
      if (event.e === 'ack' && !isEmbedded(event.key) && !begun.has(event.id)) waiting.add(event.id)
      if (event.e !== 'claim') return
      for (const { id } of event.tasks) {
        waiting.delete(id)
        begun.add(id)
      }
    },
  }
}
