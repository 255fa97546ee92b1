import type { LeaseHolder } from '@taskyard/core'

/** Workers that some process of the store has: connected to it, or inside it. */
export function livingOf(holders: readonly LeaseHolder[]): ReadonlySet<string> {
  return new Set(holders.filter(({ alive }) => alive).map(idOf))
}

export function idOf({ workerId }: LeaseHolder): string {
  return workerId
}
