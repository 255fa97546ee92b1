import type { GivenLease, LeasedTask } from '@taskyard/core'
import type { Claim, UseCases } from '@taskyard/engine'

/** Claims of which it is remembered what they gave. */
const MOST_NAMES = 1000

/** What claims that may be made again were given, until somebody speaks of it. A name of `null` is none. */
export interface NamedClaims {
  noteGiven(name: string | null, leases: readonly GivenLease[]): void
  noteRead(name: string | null): void
  /** The claim is made again, and given these tasks: what it was given before, and is not among them, is over. */
  takeLost(name: string | null, tasks: readonly LeasedTask[]): readonly GivenLease[]
}

/** Remembers the newest 1000 claims; what is forgotten is not given back, and runs out. */
export function createNamedClaims(): NamedClaims {
  const given = new Map<string, readonly GivenLease[]>()
  return {
    noteGiven(name, leases) {
      if (name === null) return
      given.set(name, leases)
      const [oldest] = given.keys()
      if (given.size > MOST_NAMES && oldest !== undefined) given.delete(oldest)
    },
    noteRead(name) {
      if (name !== null) given.delete(name)
    },
    takeLost(name, tasks) {
      const before = name === null ? undefined : given.get(name)
      if (name === null || before === undefined) return []
      const tokens = new Map(tasks.map(({ id, lease }) => [id, lease.token]))
      const lost = before.filter(({ taskId, token }) => tokens.get(taskId) !== token)
      // What is given again may be lost again.
      if (lost.length > 0) given.delete(name)
      return lost
    },
  }
}

/** What a claim and its repetitions have in common; `null`: it cannot be repeated. */
export function nameOf({ namespace }: UseCases, claim: Claim | undefined): string | null {
  return claim?.requestId === undefined ? null : `${namespace}\n${claim.worker.workerId}\n${claim.requestId}`
}
