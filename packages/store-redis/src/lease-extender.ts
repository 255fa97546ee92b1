import type { LeaseExtender } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { connect, scriptRunner } from './connection.ts'
import { extend } from './lease-calls.ts'
import { beat } from './presence-calls.ts'
import type { RedisAddress } from './redis-url.ts'

export interface ExtenderData {
  readonly address: RedisAddress
}

/** Extends leases over a connection of its own, past a blocked main thread. */
export async function openLeaseExtender({ address }: ExtenderData): Promise<LeaseExtender> {
  const client = await connect(address, systemClock)
  const run = scriptRunner(client, address.prefix)
  return {
    extend: (params) => extend({ run, now: () => '' }, params),
    beat: (params) => beat({ run, now: () => '' }, params),
    async close() {
      client.disconnect()
    },
  }
}
