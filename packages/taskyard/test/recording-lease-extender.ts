import { EventEmitter } from 'node:events'
import type { BeatParams, LeaseExtender } from '@taskyard/core'

/** Told of every beat of the extenders below. */
export const told = new EventEmitter()

/** A store's way into another thread that remembers what it is told. */
export function openLeaseExtender({ isAway }: { isAway: boolean }): LeaseExtender {
  return {
    extend: async ({ leases }) => leases.map(() => 'ok'),
    async beat(params: BeatParams) {
      told.emit('beat', params)
      if (isAway) throw new Error('away')
    },
    close: async () => {},
  }
}
