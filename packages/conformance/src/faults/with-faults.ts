import { setImmediate } from 'node:timers/promises'
import { type EnqueueOutcome, type OpenedStore, TaskyardError } from '@taskyard/core'
import { aroundCalls, type StoreOperation } from './around-calls.ts'
import { seededRandom } from './seeded-random.ts'

/**
 * `slow`: done, some turns of the event loop later. `refuse`: a definite error, nothing done. `lose-reply`: done, but
 * the caller gets an indefinite error (unless it is a refusal). `none`: as if there were no decorator.
 */
export type Fault = 'none' | 'slow' | 'refuse' | 'lose-reply'

/** Decides the fate of each call as it comes. */
export type FaultPlan = (operation: StoreOperation) => Fault

/** The store as seen through an unreliable connection. */
export function withFaults(store: OpenedStore, plan: FaultPlan): OpenedStore {
  return aroundCalls(store, async (operation, call) => {
    switch (plan(operation)) {
      case 'none':
        return call()
      case 'slow':
        await turns(5)
        return call()
      case 'refuse':
        throw new TaskyardError('store_full', { reason: `injected into ${operation}` })
      case 'lose-reply': {
        const reply = await call()
        if (operation === 'enqueue' && hasRefusal(reply as readonly EnqueueOutcome[])) return reply
        throw new TaskyardError('store_unavailable', { reason: `the reply of ${operation} was lost (injected)` })
      }
    }
  })
}

/** A refused submission may be taken when it comes again: a task accepted in the same call may have its key by then. */
function hasRefusal(outcomes: readonly EnqueueOutcome[]): boolean {
  return outcomes.some(({ kind }) => kind !== 'accepted')
}

export interface FaultRates {
  readonly seed: number
  /** Shares of calls, 0 to 1. */
  readonly slow: number
  readonly refuse: number
  readonly loseReply: number
}

/**
 * Faults at random places, the same ones for the same seed. Replies are lost only where repeating the call gives the
 * same answer; a claim without a request id, for one, would answer with other tasks (its first ones come back when their
 * leases expire).
 */
export function seededFaults({ seed, slow, refuse, loseReply }: FaultRates): FaultPlan {
  const random = seededRandom(seed)
  return (operation) => {
    const draw = random()
    if (draw < slow) return 'slow'
    if (draw < slow + refuse) return 'refuse'
    if (draw < slow + refuse + loseReply && SAME_ANSWER_AGAIN.has(operation)) return 'lose-reply'
    return 'none'
  }
}

/** The given fault for the first call of each named operation, none after that. */
export function faultOnce(faults: Partial<Record<StoreOperation, Fault>>): FaultPlan {
  const pending = new Map(Object.entries(faults))
  return (operation) => {
    const fault = pending.get(operation) ?? 'none'
    pending.delete(operation)
    return fault
  }
}

const SAME_ANSWER_AGAIN: ReadonlySet<StoreOperation> = new Set([
  'migrate',
  'enqueue',
  'claim-by-request',
  'extend',
  'settle',
  'find',
  'list',
  'history',
  'counts',
  'pause',
  'declareTypes',
  'listTypes',
  'beat',
  'holders',
] as const)

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await setImmediate()
}
