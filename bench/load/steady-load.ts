import type { ClaimParams, OpenedStore } from '@taskyard/core'
import { newTaskMaker, succeeded } from './tasks.ts'

/** How long calls took, ms. */
export interface Calls {
  readonly submits: readonly number[]
  readonly claims: readonly number[]
}

export interface SteadyLoad {
  /** Of the calls that have ended since the last time. Throws when one has failed. */
  take(): Calls
  /** Submits no more; resolves when all that was submitted is settled, with their number. */
  stop(): Promise<number>
}

const queue = 'steady'
const tickMs = 2

const claim: ClaimParams = {
  namespace: 'default',
  queues: [queue],
  types: null,
  limit: 10,
  leaseMs: 100 * 86_400_000,
  worker: { workerId: 'steady', nodeId: null, session: false },
  requestId: null,
}

/**
 * Submits a task so many times a second, and claims and settles as often. A call's time is counted from the moment at
 * which it was to begin: one that is held up shows, and so do those behind it.
 */
export function startSteadyLoad(store: OpenedStore, storeTime: () => number, perSecond: number): SteadyLoad {
  const newTask = newTaskMaker(storeTime)
  const calls = watchedCalls()
  let submits: number[] = []
  let claims: number[] = []
  let settled = 0

  async function submit(dueAt: number): Promise<void> {
    const submission = { tasks: [newTask({ queue, type: 'steady' })] }
    await store.tasks.enqueue({ submissions: [submission], queueDepth: 1e9 })
    submits.push(performance.now() - dueAt)
  }

  async function claimAndSettle(dueAt: number): Promise<number> {
    const leased = await store.tasks.claim(claim)
    claims.push(performance.now() - dueAt)
    if (leased.length > 0)
      await store.tasks.settle({ namespace: 'default', settlements: leased.map(succeeded), claim: null })
    settled += leased.length
    return leased.length
  }

  const startedAt = performance.now()
  let begun = 0
  const timer = setInterval(() => {
    for (;;) {
      const dueAt = startedAt + (begun * 1000) / perSecond
      if (dueAt > performance.now()) return
      begun += 1
      calls.watch(submit(dueAt))
      calls.watch(claimAndSettle(dueAt))
    }
  }, tickMs)

  return {
    take() {
      calls.throwFailure()
      const taken = { submits, claims }
      submits = []
      claims = []
      return taken
    },
    async stop() {
      clearInterval(timer)
      await calls.ended()
      while ((await claimAndSettle(performance.now())) > 0);
      calls.throwFailure()
      return settled
    },
  }
}

function watchedCalls() {
  const underWay = new Set<Promise<void>>()
  let failure: unknown = null

  return {
    watch(call: Promise<unknown>): void {
      const ended: Promise<void> = call
        .then(
          () => {},
          (error) => {
            failure ??= error
          },
        )
        .then(() => {
          underWay.delete(ended)
        })
      underWay.add(ended)
    },
    ended: () => Promise.all(underWay),
    throwFailure() {
      if (failure !== null) throw failure
    },
  }
}
