import type { ClaimParams, LeasedTask, ReadyLane } from '@taskyard/core'

/** A claim that waits for tasks. */
export interface Waiter {
  /** With a request id in any case. */
  readonly params: ClaimParams
  /** The request id is the caller's own: the same claim may be made again, and be answered, elsewhere. */
  readonly hasOwnRequestId: boolean
  readonly since: number
  /** Ends the wait; later calls do nothing. */
  end(tasks: readonly LeasedTask[]): void
  ended: boolean
  /** Tasks are on their way to it. */
  isServed: boolean
  /** Why it is not known whether it was given tasks; `null`: it is known. The same request id will tell. */
  indefiniteError: unknown
}

/** Claims that ask for the same queues and types: one look at the store answers for all of them. */
export interface WaitingGroup {
  readonly params: ClaimParams
  readonly waiters: Waiter[]
  isServing: boolean
  wokenAgain: boolean
}

/** The claims that wait, in a line with their like. */
export class WaitingClaims {
  readonly #groups = new Map<string, WaitingGroup>()

  /** The group of claims like this one, made when there is none. */
  groupFor(params: ClaimParams): WaitingGroup {
    const key = keyOf(params)
    const known = this.#groups.get(key)
    if (known !== undefined) return known
    const group = { params, waiters: [], isServing: false, wokenAgain: false }
    this.#groups.set(key, group)
    return group
  }

  remove(waiter: Waiter, group: WaitingGroup): void {
    group.waiters.splice(group.waiters.indexOf(waiter), 1)
    this.dropWhenIdle(group)
  }

  dropWhenIdle(group: WaitingGroup): void {
    if (group.waiters.length > 0 || group.isServing) return
    const key = keyOf(group.params)
    if (this.#groups.get(key) === group) this.#groups.delete(key)
  }

  /** Calls back for each that wants tasks of one of these lanes. */
  forEachWanting(lanes: readonly ReadyLane[], visit: (group: WaitingGroup) => unknown): void {
    for (const group of this.#groups.values()) if (lanes.some((lane) => wants(group.params, lane))) visit(group)
  }

  /** The next so many: those first that may have been given tasks. What is looked at goes to the end. */
  nextInTurn(most: number): readonly WaitingGroup[] {
    const all = [...this.#groups.values()].map((group) => ({
      group,
      isIndefinite: group.waiters.some(({ indefiniteError }) => indefiniteError !== null),
    }))
    const next = all.sort((a, b) => Number(b.isIndefinite) - Number(a.isIndefinite)).slice(0, most)
    for (const { group } of next) {
      const key = keyOf(group.params)
      this.#groups.delete(key)
      this.#groups.set(key, group)
    }
    return next.map(({ group }) => group)
  }

  /** Ends waits with no tasks. */
  end(isMeant: (waiter: Waiter) => boolean): void {
    for (const group of [...this.#groups.values()]) for (const waiter of group.waiters.filter(isMeant)) waiter.end([])
  }
}

function keyOf({ namespace, queues, types }: ClaimParams): string {
  return JSON.stringify([namespace, queues, types])
}

function wants({ namespace, queues, types }: ClaimParams, lane: ReadyLane): boolean {
  if (lane.namespace !== namespace || !(queues?.includes(lane.queue) ?? true)) return false
  return types === null || types.includes(lane.type)
}
