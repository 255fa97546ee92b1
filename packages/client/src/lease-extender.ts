import { type ExtendStatus, type LeaseExtender, toJsonText } from '@taskyard/core'
import { postOnce } from './http-worker-api.ts'
import type { ServerAddress } from './server-address.ts'

/** A heartbeat without an answer must leave time for another one before the lease is over. */
const MAX_ANSWER_MS = 10_000

/** Extends leases over HTTP. Runs in the worker's heartbeat thread. */
export function openLeaseExtender(address: ServerAddress): LeaseExtender {
  return {
    async extend({ leases, leaseMs }) {
      const body = toJsonText({ leases, leaseSeconds: leaseMs / 1000 })
      const timeoutMs = Math.min(MAX_ANSWER_MS, leaseMs / 3)
      const { results } = await postOnce<{ results: { status: ExtendStatus }[] }>(
        address,
        '/heartbeat',
        'results',
        body,
        {
          timeoutMs,
        },
      )
      return results.map(({ status }) => status)
    },
    close: async () => {},
  }
}
