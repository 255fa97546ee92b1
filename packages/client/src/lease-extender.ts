import { type ExtendStatus, type Heartbeats, toJsonText } from '@taskyard/core'
import { postOnce, RESULTS } from './http-worker-api.ts'
import type { ServerAddress } from './server-address.ts'

/** A heartbeat without an answer must leave time for another one before the lease is over. */
const MAX_ANSWER_MS = 10_000

interface Extended {
  readonly results: readonly { readonly status: ExtendStatus }[]
}

/** Extends leases over HTTP. Runs in the worker's heartbeat thread. */
export function openLeaseExtender(address: ServerAddress): Heartbeats {
  return {
    async extend({ leases, leaseMs }, signal) {
      const body = toJsonText({ leases, leaseSeconds: leaseMs / 1000 })
      const timeoutMs = Math.min(MAX_ANSWER_MS, leaseMs / 3)
      const options = signal === undefined ? { timeoutMs } : { timeoutMs, signal }
      const { results } = await postOnce<Extended>(address, '/heartbeat', RESULTS, body, options)
      return results.map(({ status }) => status)
    },
    close: async () => {},
  }
}
