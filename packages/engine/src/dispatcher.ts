import { type ClaimParams, givenFirst, type LeasedTask, type ReadyLane, TaskyardError } from '@taskyard/core'
import type { ClaimCall, ClaimCalls } from './claim-calls.ts'
import type { GiveBack } from './give-back.ts'
import type { Parts } from './parts.ts'
import { isUnexpected } from './unexpected.ts'

/** How often waiting claims look for themselves, should the store's wake-up have been lost. Milliseconds. */
const FALLBACK_POLL_MS = 1000
/** Groups that are looked at by then, and at a time: of more, each waits for its turn, so that other calls need not. */
const LOOKS_PER_POLL = 100
const LOOKS_AT_ONCE = 2
/** So long may a look hold up the next one: where tasks come without end, so does it. */
const LONGEST_LOOK_MS = 100
/** Claims of one look that may fail in a way that nobody foresaw, before the look ends. */
const MOST_FAILURES = 3
/** The shortest lease is as long: who has waited less holds none that a sweep could end. */
const SHORTEST_LEASE_MS = 1000
/** So long may a sweep under way hold up what it has to do with. */
const LONGEST_HOLD_MS = 100

interface Waiter {
  /** With a request id in any case. */
  readonly params: ClaimParams
  /** The request id is the caller's own: the same claim may be made again, and be answered, elsewhere. */
  readonly isNamed: boolean
  readonly since: number
  /** Ends the wait; later calls do nothing. */
  end(tasks: readonly LeasedTask[]): void
  ended: boolean
  /** Tasks are on their way to it. */
  isServed: boolean
  /** Why it is not known whether it was given tasks; `null`: it is known. The same request id will tell. */
  doubt: unknown
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
  /** Every waiting claim ends with no tasks, and so does every later one. What those under way get goes back. */
  stop(): void
  /** These workers did not extend a lease in its time: as long as they are not heard of, they get no other. */
  endWaits(workerIds: ReadonlySet<string>): void
}

/**
 * Long polls. A claim that finds nothing waits in a line with its like; when tasks become ready the first in line is
 * served, then the next, until the store has no more: nobody is woken for nothing. A store that is away while claims
 * wait is asked again by the next look, so that they outlive its outage; under the same request id, so that tasks whose
 * answer was lost are not.
 */
export function createDispatcher(parts: Parts, calls: ClaimCalls, giveBack: GiveBack): Dispatcher {
  const { store, clock, troubles, ids } = parts
  const { track } = parts.underWay
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
    for (let failures = 0; ; ) {
      const waiter = group.waiters.find(({ ended, isServed }) => !ended && !isServed)
      if (waiter === undefined) return
      try {
        const tasks = await track(claimFor(waiter))
        if (tasks.length === 0) return
      } catch (error) {
        failures += 1
        if (!isUnexpected(error) || failures >= MOST_FAILURES) throw error
        // It may be this one that is to blame, for whom the others need not wait.
        if (!waiter.ended) group.waiters.push(...group.waiters.splice(group.waiters.indexOf(waiter), 1))
      }
    }
  }

  async function claimFor(waiter: Waiter): Promise<readonly LeasedTask[]> {
    try {
      const given = await store.tasks.claim(waiter.params)
      const tasks = waiter.isNamed ? given : given.map(asGivenFirst)
      waiter.doubt = null
      if (tasks.length > 0) await hand(waiter, tasks)
      return tasks
    } catch (error) {
      if (isIndefinite(error)) waiter.doubt = error
      throw error
    }
  }

  async function hand(waiter: Waiter, tasks: readonly LeasedTask[]): Promise<void> {
    const sweep = parts.sweepUnderWay()
    if (waiter.ended) return giveBack(givenFirst(tasks))
    if (sweep === null || clock.now() - waiter.since < SHORTEST_LEASE_MS) return waiter.end(tasks)
    // The tasks may be there because their worker did not extend its lease, and be handed to this same worker.
    waiter.isServed = true
    void track(handAfter(sweep, waiter, tasks))
  }

  async function handAfter(sweep: Promise<void>, waiter: Waiter, tasks: readonly LeasedTask[]): Promise<void> {
    await waitFor(sweep, LONGEST_HOLD_MS)
    if (waiter.ended) await giveBack(givenFirst(tasks))
    else waiter.end(tasks)
  }

  async function waitFor(work: Promise<void>, mostMs: number): Promise<void> {
    let cancelTimer = () => {}
    const patience = new Promise<void>((resolve) => {
      cancelTimer = clock.after(mostMs, resolve)
    })
    await Promise.race([work, patience])
    cancelTimer()
  }

  async function claimOrWait(
    call: ClaimCall,
    params: ClaimParams,
    waitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly LeasedTask[]> {
    const isCalledOff = () => stopped || signal?.aborted === true || call.isRepeated
    const wakeUpsBefore = wakeUps
    let tasks = await store.tasks.claim(params)
    // A task that became ready while the store said «none» has woken nobody yet.
    const wokenSince = wakeUps !== wakeUpsBefore
    if (tasks.length === 0 && waitMs > 0 && !isCalledOff()) tasks = await join(call, params, waitMs, signal, wokenSince)
    if (!isCalledOff()) return tasks
    await giveBack(givenFirst(tasks))
    return []
  }

  function join(
    call: ClaimCall,
    asked: ClaimParams,
    waitMs: number,
    signal: AbortSignal | undefined,
    wokenSince: boolean,
  ): Promise<readonly LeasedTask[]> {
    const params = asked.requestId === null ? { ...asked, requestId: ids() } : asked
    const key = keyOf(params)
    const group = groups.get(key) ?? { params, waiters: [], isServing: false, wokenAgain: false }
    groups.set(key, group)
    return new Promise((resolve, reject) => {
      const end = (tasks: readonly LeasedTask[]) => {
        if (waiter.ended) return
        waiter.ended = true
        cancelTimer()
        signal?.removeEventListener('abort', endEmpty)
        group.waiters.splice(group.waiters.indexOf(waiter), 1)
        dropWhenIdle(group)
        if (tasks.length === 0 && waiter.doubt !== null) reject(waiter.doubt)
        else resolve(tasks)
      }
      const endEmpty = () => end([])
      const isNamed = params === asked
      const waiter: Waiter = { params, isNamed, since: clock.now(), end, ended: false, isServed: false, doubt: null }
      group.waiters.push(waiter)
      call.endWait = endEmpty
      const cancelTimer = clock.after(waitMs, endEmpty)
      signal?.addEventListener('abort', endEmpty)
      if (wokenSince) void serve(group)
    })
  }

  function dropWhenIdle(group: WaitingGroup): void {
    if (group.waiters.length > 0 || group.isServing) return
    const key = keyOf(group.params)
    if (groups.get(key) === group) groups.delete(key)
  }

  function poll(): void {
    cancelPoll = clock.after(FALLBACK_POLL_MS, async () => {
      const due = nextInTurn().values()
      const lookAtDue = async () => {
        for (const group of due) await waitFor(serve(group), LONGEST_LOOK_MS)
      }
      await Promise.all(Array.from({ length: LOOKS_AT_ONCE }, lookAtDue))
      if (!stopped) poll()
    })
  }

  /** Those first that may have been given tasks; what is looked at goes to the end. */
  function nextInTurn(): readonly WaitingGroup[] {
    const all = [...groups.values()].map((group) => ({
      group,
      isInDoubt: group.waiters.some(({ doubt }) => doubt !== null),
    }))
    const next = all.sort((a, b) => Number(b.isInDoubt) - Number(a.isInDoubt)).slice(0, LOOKS_PER_POLL)
    for (const { group } of next) {
      const key = keyOf(group.params)
      groups.delete(key)
      groups.set(key, group)
    }
    return next.map(({ group }) => group)
  }

  function endWaitsOf(isMeant: (waiter: Waiter) => boolean): void {
    for (const group of [...groups.values()]) for (const waiter of group.waiters.filter(isMeant)) waiter.end([])
  }

  return {
    async claim(params, waitMs, signal) {
      if (stopped || signal?.aborted) return []
      return calls.asNewest(params, (call) => track(claimOrWait(call, params, waitMs, signal)))
    },
    start() {
      stopListening = store.wakeUps.subscribe(wake)
      poll()
    },
    stop() {
      stopped = true
      stopListening()
      cancelPoll()
      endWaitsOf(() => true)
    },
    endWaits(workerIds) {
      if (workerIds.size > 0) endWaitsOf(({ params }) => workerIds.has(params.worker.workerId))
    },
  }
}

/** Nobody was told of a lease that this process alone could ask for again. */
function asGivenFirst(task: LeasedTask): LeasedTask {
  if (!task.lease.again) return task
  const { token, expiresAt } = task.lease
  return { ...task, lease: { token, expiresAt } }
}

function keyOf({ namespace, queues, types }: ClaimParams): string {
  return JSON.stringify([namespace, queues, types])
}

function wants({ namespace, queues, types }: ClaimParams, lane: ReadyLane): boolean {
  if (lane.namespace !== namespace || !queues.includes(lane.queue)) return false
  return types === null || types.includes(lane.type)
}

function isIndefinite(error: unknown): boolean {
  return !(error instanceof TaskyardError) || !error.definite
}
