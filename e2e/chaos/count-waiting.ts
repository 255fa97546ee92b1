import type { HistoryEvent } from './history.ts'
import { isEmbedded } from './load.ts'

/** Counts the acknowledged tasks of the remote workers that nobody has leased yet. */
export function countWaiting() {
  const waiting = new Set<string>()
  const leased = new Set<string>()
  return {
    count: () => waiting.size,
    add(event: HistoryEvent) {
      if (event.e === 'ack' && !isEmbedded(event.key) && !leased.has(event.id)) waiting.add(event.id)
      if (event.e !== 'claim') return
      for (const { id } of event.tasks) {
        waiting.delete(id)
        leased.add(id)
      }
    },
  }
}
