import type { ClaimParams, Clock, LeasedTask, ReadyLane, TaskStore } from '@taskyard/core'
import type { Troubles } from './troubles.ts'

/** How often waiting claims look for themselves, should the store's wake-up have been lost. Milliseconds. */
const FALLBACK_POLL_MS = 1000

interface Waiter {
  readonly params: ClaimParams
  /** Ends the wait; later calls do nothing. */
  readonly resolve: (tasks: readonly LeasedTask[]) => void
  ended: boolean
}

/** Claims that ask for the same queues and types: one look at the store answers for all of them. */
interface WaitingGroup {
  readonly params: ClaimParams
  readonly waiters: Waiter[]
  isServing: boolean
  wokenAgain: boolean
}

export interface Dispatcher {
  claim(params: ClaimParams, waitMs: number, signal: AbortSignal | undefined): Promise<readonly LeasedTask[]>
  start(): void
  /** Every waiting claim ends with no tasks, and so does every later one. */
  stop(): void
}

/**
 * Long polls. A claim that finds nothing waits in a line with its like; when tasks become ready the first in line is
 * served, then the next, until the store has no more: nobody is woken for nothing. A store that is away while claims
 * wait is asked again by the next look, so that they outlive its outage.
 */
export function createDispatcher(store: TaskStore, clock: Clock, troubles: Troubles): Dispatcher {
  const groups = new Map<string, WaitingGroup>()
  let stopped = false
  let wakeUps = 0
  let stopListening = () => {}
  let cancelPoll = () => {}

  function wake(lanes: readonly ReadyLane[]): void {
    wakeUps += 1
    for (const group of groups.values()) {
      if (lanes.some((lane) => wants(group.params, lane))) void serve(group)
    }
  }

  async function serve(group: WaitingGroup): Promise<void> {
    group.wokenAgain = true
    if (group.isServing) return
    group.isServing = true
    try {
      while (group.wokenAgain) {
        group.wokenAgain = false
        await serveUntilEmpty(group)
        troubles.worked('dispatcher')
      }
    } catch (error) {
      troubles.failed('dispatcher', error)
    } finally {
      group.isServing = false
      dropWhenIdle(group)
    }
  }

  async function serveUntilEmpty(group: WaitingGroup): Promise<void> {
    for (;;) {
      const waiter = group.waiters.find(({ ended }) => !ended)
      if (waiter === undefined) return
      const tasks = await store.claim(waiter.params)
      if (tasks.length === 0) return
      if (waiter.ended) await release(store, tasks)
      else waiter.resolve(tasks)
    }
  }

  function join(
    params: ClaimParams,
    waitMs: number,
    signal: AbortSignal | undefined,
    wokenSince: boolean,
  ): Promise<readonly LeasedTask[]> {
    const key = JSON.stringify([params.namespace, params.queues, params.types])
    const group = groups.get(key) ?? { params, waiters: [], isServing: false, wokenAgain: false }
    groups.set(key, group)
    return new Promise((resolve) => {
      const end = (tasks: readonly LeasedTask[]) => {
        if (waiter.ended) return
        waiter.ended = true
        cancelTimer()
        signal?.removeEventListener('abort', onAbort)
        group.waiters.splice(group.waiters.indexOf(waiter), 1)
        dropWhenIdle(group)
        resolve(tasks)
      }
      const onAbort = () => end([])
      const waiter: Waiter = { params, resolve: end, ended: false }
      group.waiters.push(waiter)
      const cancelTimer = clock.after(waitMs, onAbort)
      signal?.addEventListener('abort', onAbort)
      if (wokenSince) void serve(group)
    })
  }

  function dropWhenIdle(group: WaitingGroup): void {
    if (group.waiters.length > 0 || group.isServing) return
    const { namespace, queues, types } = group.params
    const key = JSON.stringify([namespace, queues, types])
    if (groups.get(key) === group) groups.delete(key)
  }

  function poll(): void {
    cancelPoll = clock.after(FALLBACK_POLL_MS, () => {
      for (const group of groups.values()) void serve(group)
      poll()
    })
  }

  return {
    async claim(params, waitMs, signal) {
      if (stopped || signal?.aborted) return []
      const wakeUpsBefore = wakeUps
      const tasks = await store.claim(params)
      if (signal?.aborted) {
        await release(store, tasks)
        return []
      }
      if (tasks.length > 0 || waitMs <= 0 || stopped) return tasks
      // A task that became ready while the store said «none» has woken nobody yet.
      return join(params, waitMs, signal, wakeUps !== wakeUpsBefore)
    },
    start() {
      stopListening = store.onReady(wake)
      poll()
    },
    stop() {
      stopped = true
      stopListening()
      cancelPoll()
      for (const group of [...groups.values()]) for (const waiter of [...group.waiters]) waiter.resolve([])
    },
  }
}

function wants({ namespace, queues, types }: ClaimParams, lane: ReadyLane): boolean {
  if (lane.namespace !== namespace || !queues.includes(lane.queue)) return false
  return types === null || types.includes(lane.type)
}

/** Gives tasks back whose claimer has gone away. */
async function release(store: TaskStore, tasks: readonly LeasedTask[]): Promise<void> {
  if (tasks.length === 0) return
  const settlements = tasks.map(({ id, lease }) => ({ taskId: id, token: lease.token, outcome: 'released' as const }))
  await store.settle({ settlements, claim: null })
}
