import { type ClaimParams, givenFirst, type LeasedTask, type WorkerKey, workerKey } from '@taskyard/core'
import type { ClaimCall, ClaimCalls } from './claim-calls.ts'
import { ClaimServer } from './claim-server.ts'
import type { EngineContext } from './engine-context.ts'
import type { GiveBack } from './give-back.ts'
import type { Loop, Round } from './loop.ts'
import { LOOPS } from './loops.ts'
import { waitAtMost } from './wait-at-most.ts'
import { type Waiter, WaitingClaims, type WaitingGroup } from './waiting-claims.ts'

/** Groups that are looked at in a round, and at a time: of more, each waits for its turn, so that other calls need not. */
const LOOKS_PER_ROUND = 100
const LOOKS_AT_ONCE = 2
/** So long may a look hold up the next one: where tasks come without end, so does it. */
const LONGEST_LOOK_MS = 100

export interface LongPolls {
  claim(params: ClaimParams, waitMs: number, signal: AbortSignal | undefined): Promise<readonly LeasedTask[]>
  start(): void
  /** Every waiting claim ends with no tasks, and so does every later one. What those under way get goes back. */
  stop(): Promise<void>
  /** These workers, by their keys, did not extend a lease in its time: as long as they are not heard of, they get no other. */
  endWaits(workers: ReadonlySet<WorkerKey>): void
}

/**
 * Long polls. A claim that finds nothing waits in a line with its like; when tasks become ready the first in line is
 * served, then the next, until the store has no more: nobody is woken for nothing. A store that is away while claims
 * wait is asked again by the next look, so that they outlive its outage; under the same request id, so that tasks whose
 * answer was lost are not.
 */
export function createLongPolls(context: EngineContext, calls: ClaimCalls, giveBack: GiveBack): LongPolls {
  return new QueuedLongPolls(context, calls, giveBack)
}

class QueuedLongPolls implements LongPolls {
  readonly #context: EngineContext
  readonly #calls: ClaimCalls
  readonly #giveBack: GiveBack
  readonly #waiting = new WaitingClaims()
  readonly #server: ClaimServer
  /** Should a wake-up have been lost. */
  readonly #loop: Loop
  readonly #serve = (group: WaitingGroup) => this.#server.serve(group)
  #stopped = false
  #wakeUps = 0
  #stopListening = () => {}

  constructor(context: EngineContext, calls: ClaimCalls, giveBack: GiveBack) {
    this.#context = context
    this.#calls = calls
    this.#giveBack = giveBack
    this.#loop = context.loops.create('dispatcher', () => this.#look())
    this.#server = new ClaimServer(context, this.#waiting, giveBack, this.#loop)
  }

  start(): void {
    this.#stopListening = this.#context.store.wakeUps.subscribe((lanes) => {
      this.#wakeUps += 1
      this.#waiting.forEachWanting(lanes, this.#serve)
    })
    this.#loop.start(LOOPS.dispatcher.intervalMs)
  }

  stop(): Promise<void> {
    this.#stopped = true
    this.#stopListening()
    this.#waiting.end(() => true)
    return this.#loop.stop()
  }

  async claim(params: ClaimParams, waitMs: number, signal: AbortSignal | undefined): Promise<readonly LeasedTask[]> {
    if (this.#stopped || signal?.aborted) return []
    return this.#calls.asNewest(params, (call) =>
      this.#context.pendingCalls.track(this.#claimOrWait(call, params, waitMs, signal)),
    )
  }

  endWaits(workers: ReadonlySet<WorkerKey>): void {
    if (workers.size > 0) this.#waiting.end(({ params }) => workers.has(holderOf(params)))
  }

  async #look(): Promise<Round> {
    const due = this.#waiting.nextInTurn(LOOKS_PER_ROUND).values()
    const lookAtDue = async () => {
      for (const group of due) await waitAtMost(this.#context.clock, this.#serve(group), LONGEST_LOOK_MS)
    }
    await Promise.all(Array.from({ length: LOOKS_AT_ONCE }, lookAtDue))
    return { isProof: false }
  }

  async #claimOrWait(
    call: ClaimCall,
    params: ClaimParams,
    waitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly LeasedTask[]> {
    const isCalledOff = () => this.#stopped || signal?.aborted === true || call.isRepeated
    const wakeUpsBefore = this.#wakeUps
    const tasks = await this.#context.store.tasks.claim(params)
    if (isCalledOff()) return this.#takeBack(params.namespace, tasks)
    if (tasks.length > 0 || waitMs <= 0) return tasks
    // A task that became ready while the store said «none» has woken nobody yet.
    const wokenSince = this.#wakeUps !== wakeUpsBefore
    const given = await this.#join(call, params, waitMs, signal, wokenSince)
    return isCalledOff() ? this.#takeBack(params.namespace, given) : given
  }

  async #takeBack(namespace: string, tasks: readonly LeasedTask[]): Promise<readonly LeasedTask[]> {
    await this.#giveBack(namespace, givenFirst(tasks))
    return []
  }

  #join(
    call: ClaimCall,
    asked: ClaimParams,
    waitMs: number,
    signal: AbortSignal | undefined,
    wokenSince: boolean,
  ): Promise<readonly LeasedTask[]> {
    const { clock, ids } = this.#context
    const params = asked.requestId === null ? { ...asked, requestId: ids() } : asked
    const group = this.#waiting.groupFor(params)
    return new Promise((resolve, reject) => {
      const end = (tasks: readonly LeasedTask[]) => {
        if (waiter.ended) return
        waiter.ended = true
        cancelTimer()
        signal?.removeEventListener('abort', endEmpty)
        this.#waiting.remove(waiter, group)
        if (tasks.length === 0 && waiter.indefiniteError !== null) reject(waiter.indefiniteError)
        else resolve(tasks)
      }
      const endEmpty = () => end([])
      const hasOwnRequestId = params === asked
      const waiter: Waiter = {
        params,
        hasOwnRequestId,
        since: clock.now(),
        end,
        ended: false,
        isServed: false,
        indefiniteError: null,
      }
      group.waiters.push(waiter)
      call.endWait = endEmpty
      const cancelTimer = clock.after(waitMs, endEmpty)
      signal?.addEventListener('abort', endEmpty)
      if (wokenSince) void this.#serve(group)
    })
  }
}

function holderOf({ namespace, worker: { workerId } }: ClaimParams): WorkerKey {
  return workerKey({ namespace, workerId })
}
