import type { LeaseExtender } from '@taskyard/core'
import { openDatabase } from './database.ts'
import { readPostgresUrl } from './location.ts'
import { extend } from './operations/leases.ts'
import { beat } from './operations/presence.ts'
import { createServerTime } from './server-time.ts'

/** Extends leases from another thread, over a connection of its own. */
export function openLeaseExtender({ url, now }: { readonly url: string; readonly now: number | null }): LeaseExtender {
  const database = openDatabase(readPostgresUrl(url), 1)
  const context = { database, time: createServerTime(now === null ? undefined : () => now) }
  return {
    extend: (params) => extend(context, params),
    beat: (params) => beat(context, params),
    close: () => database.close(),
  }
}
