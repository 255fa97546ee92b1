import { once } from 'node:events'
import type { MessagePort } from 'node:worker_threads'
import type { ExtendStatus, Heartbeats } from '@taskyard/core'

/** Asks the main thread; with the flag set, answers by itself and counts, so that a blocked main thread does not matter. */
export function openLeaseExtender({ port, counters }: { port: MessagePort; counters: Int32Array }): Heartbeats {
  return {
    async extend(params) {
      Atomics.add(counters, 1, params.leases.length)
      if (Atomics.load(counters, 0) === 1) return params.leases.map(() => 'ok')
      if (Atomics.load(counters, 0) === 2) throw new Error('the store is away')
      port.postMessage(params)
      const [statuses] = (await once(port, 'message')) as [readonly ExtendStatus[]]
      return statuses
    },
    async close() {
      port.close()
    },
  }
}
