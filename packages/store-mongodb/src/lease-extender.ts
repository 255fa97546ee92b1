import type { LeaseExtender } from '@taskyard/core'
import { systemClock } from '@taskyard/core/runtime'
import { collectionsOf } from './collections.ts'
import { connect, serverClockOf, withDeadline } from './connect.ts'
import { extend } from './operations/extend.ts'
import { beat } from './operations/holders.ts'

const CALL_MS = 10_000

/** Reaches the server from another thread, over connections of its own. */
export async function openLeaseExtender(data: {
  readonly url: string
  readonly allowUnsafeDurability: boolean
}): Promise<LeaseExtender> {
  const { client, settings, deployment, close } = await connect({ ...data, clock: systemClock, maxPoolSize: 2 })
  const collections = collectionsOf(client, settings.database, deployment)
  const time = serverClockOf(client, systemClock)
  return {
    extend: (params) =>
      withDeadline(systemClock, CALL_MS, async () => {
        await time.sample()
        return extend(collections, params, time.now())
      }),
    beat: (params) =>
      withDeadline(systemClock, CALL_MS, async () => {
        await time.sample()
        return beat(collections, params, time.now())
      }),
    close,
  }
}
