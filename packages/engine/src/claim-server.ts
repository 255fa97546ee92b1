import { givenFirst, type LeasedTask, TaskyardError } from '@taskyard/core'
import type { EngineContext } from './engine-context.ts'
import type { GiveBack } from './give-back.ts'
import { isUnexpected } from './unexpected.ts'
import { waitAtMost } from './wait-at-most.ts'
import type { Waiter, WaitingClaims, WaitingGroup } from './waiting-claims.ts'

/** Claims of one look that may fail in a way that nobody foresaw, before the look ends. */
const MOST_FAILURES = 3
/** The shortest lease is as long: who has waited less holds none that a sweep could end. */
const SHORTEST_LEASE_MS = 1000
/** So long may a sweep under way hold up what it has to do with. */
const LONGEST_HOLD_MS = 100

/** Told how serving has gone. */
export interface ServingOutcome {
  worked(): void
  failed(error: unknown): void
}

/** Looks at the store for those who wait, and hands them what it finds. */
export class ClaimServer {
  readonly #context: EngineContext
  readonly #waiting: WaitingClaims
  readonly #giveBack: GiveBack
  readonly #outcome: ServingOutcome

  constructor(context: EngineContext, waiting: WaitingClaims, giveBack: GiveBack, outcome: ServingOutcome) {
    this.#context = context
    this.#waiting = waiting
    this.#giveBack = giveBack
    this.#outcome = outcome
  }

  /** The first in line is served first, until the store has no more. Never rejects. */
  async serve(group: WaitingGroup): Promise<void> {
    group.wokenAgain = true
    if (group.isServing) return
    group.isServing = true
    try {
      while (group.wokenAgain) {
        group.wokenAgain = false
        await this.#serveUntilEmpty(group)
        this.#outcome.worked()
      }
    } catch (error) {
      this.#outcome.failed(error)
    } finally {
      group.isServing = false
      this.#waiting.dropWhenIdle(group)
    }
  }

  async #serveUntilEmpty(group: WaitingGroup): Promise<void> {
    for (let failures = 0; ; ) {
      const waiter = group.waiters.find(({ ended, isServed }) => !ended && !isServed)
      if (waiter === undefined) return
      try {
        const tasks = await this.#context.pendingCalls.track(this.#claimFor(waiter))
        if (tasks.length === 0) return
      } catch (error) {
        failures += 1
        if (!isUnexpected(error) || failures >= MOST_FAILURES) throw error
        // It may be this one that is to blame, for whom the others need not wait.
        if (!waiter.ended) group.waiters.push(...group.waiters.splice(group.waiters.indexOf(waiter), 1))
      }
    }
  }

  async #claimFor(waiter: Waiter): Promise<readonly LeasedTask[]> {
    try {
      const given = await this.#context.store.tasks.claim(waiter.params)
      const tasks = waiter.hasOwnRequestId ? given : given.map(asGivenFirst)
      waiter.indefiniteError = null
      if (tasks.length > 0) await this.#hand(waiter, tasks)
      return tasks
    } catch (error) {
      if (isIndefinite(error)) waiter.indefiniteError = error
      throw error
    }
  }

  async #hand(waiter: Waiter, tasks: readonly LeasedTask[]): Promise<void> {
    const { clock, pendingCalls } = this.#context
    const sweep = this.#context.sweepUnderWay()
    if (waiter.ended) return this.#giveBack(waiter.params.namespace, givenFirst(tasks))
    if (sweep === null || clock.now() - waiter.since < SHORTEST_LEASE_MS) return waiter.end(tasks)
    // The tasks may be there because their worker did not extend its lease, and be handed to this same worker.
    waiter.isServed = true
    void pendingCalls.track(this.#handAfter(sweep, waiter, tasks))
  }

  async #handAfter(sweep: Promise<void>, waiter: Waiter, tasks: readonly LeasedTask[]): Promise<void> {
    await waitAtMost(this.#context.clock, sweep, LONGEST_HOLD_MS)
    if (waiter.ended) await this.#giveBack(waiter.params.namespace, givenFirst(tasks))
    else waiter.end(tasks)
  }
}

/** Nobody was told of a lease that this process alone could ask for again. */
function asGivenFirst(task: LeasedTask): LeasedTask {
  if (!task.lease.again) return task
  const { token, expiresAt } = task.lease
  return { ...task, lease: { token, expiresAt } }
}

function isIndefinite(error: unknown): boolean {
  return !(error instanceof TaskyardError) || !error.definite
}
