import type { ClaimParams, LeasedTask, LeaseRef } from '@taskyard/core'
import type { Parts } from './parts.ts'

export interface ClaimCalls {
  /**
   * Runs a claim. When it is called off meanwhile, what it got goes back, and it answers with no tasks. A call that is
   * made again under the same request id while it runs leaves its tasks to the second one.
   */
  run(
    params: ClaimParams,
    isCalledOff: () => boolean,
    claim: (isRepeated: () => boolean) => Promise<readonly LeasedTask[]>,
  ): Promise<readonly LeasedTask[]>
  /** Lets a call that is made again wait for a step of the first one, which may still give tasks back. */
  finishFirst<Result>(params: ClaimParams, step: Promise<Result>): Promise<Result>
  /** Gives tasks back that nobody heard of, unless their claim has been made again. */
  giveBack(params: ClaimParams, leases: readonly LeaseRef[]): Promise<void>
}

/**
 * Claims under way. A claim with a request id that is made again gets the same leases; so none of them may be given back
 * for the first call, which nobody listens to any more, once the second one can have them.
 */
export function createClaimCalls({ store, troubles, underWay }: Parts): ClaimCalls {
  const { track } = underWay
  const newest = new Map<string, symbol>()
  const unfinished = new Map<string, Promise<unknown>>()

  async function run(
    params: ClaimParams,
    isCalledOff: () => boolean,
    claim: (isRepeated: () => boolean) => Promise<readonly LeasedTask[]>,
  ): Promise<readonly LeasedTask[]> {
    const name = requestName(params)
    if (name === null) return orGivenBack(params, isCalledOff, await claim(() => false))
    const call = Symbol()
    newest.set(name, call)
    try {
      if (unfinished.has(name)) await unfinished.get(name)
      const tasks = await claim(() => newest.get(name) !== call)
      if (newest.get(name) !== call) return []
      newest.delete(name)
      return await orGivenBack(params, isCalledOff, tasks)
    } finally {
      if (newest.get(name) === call) newest.delete(name)
    }
  }

  async function orGivenBack(
    params: ClaimParams,
    isCalledOff: () => boolean,
    tasks: readonly LeasedTask[],
  ): Promise<readonly LeasedTask[]> {
    if (!isCalledOff()) return tasks
    await giveBack(params, leasesOf(tasks))
    return []
  }

  function giveBack(params: ClaimParams, leases: readonly LeaseRef[]): Promise<void> {
    const name = requestName(params)
    if (leases.length === 0 || (name !== null && newest.has(name))) return Promise.resolve()
    return track(finishFirst(params, release(leases)))
  }

  /** Should it fail, the leases run out. */
  async function release(leases: readonly LeaseRef[]): Promise<void> {
    const settlements = leases.map(({ taskId, token }) => ({ taskId, token, outcome: 'released' as const }))
    try {
      await store.settle({ settlements, claim: null })
      troubles.worked('giving tasks back')
    } catch (error) {
      troubles.failed('giving tasks back', error)
    }
  }

  function finishFirst<Result>(params: ClaimParams, step: Promise<Result>): Promise<Result> {
    const name = requestName(params)
    if (name === null) return step
    const before = unfinished.get(name)
    const ended = Promise.allSettled([before, step]).then(() => {
      if (unfinished.get(name) === ended) unfinished.delete(name)
    })
    unfinished.set(name, ended)
    return step
  }

  return {
    run: (params, isCalledOff, claim) => track(run(params, isCalledOff, claim)),
    finishFirst: (params, step) => track(finishFirst(params, step)),
    giveBack,
  }
}

/** What a claim and its repetitions have in common; `null`: nobody can repeat it. */
export function requestName({ namespace, worker, requestId }: ClaimParams): string | null {
  return requestId === null ? null : `${namespace} ${worker.workerId} ${requestId}`
}

export function leasesOf(tasks: readonly LeasedTask[]): readonly LeaseRef[] {
  return tasks.map(({ id, lease }) => ({ taskId: id, token: lease.token }))
}
