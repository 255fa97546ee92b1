import type { ClaimParams } from '@taskyard/core'

/** One claim, or a settlement that claims, until it is answered. */
export interface ClaimCall {
  /** Its caller has asked again, and does not listen to this answer any more: what it is given first goes back. */
  isRepeated: boolean
  /** Ends its wait, if it waits. */
  endWait(): void
}

/** The claims under way in this process: of those that share a request id, the newest alone is answered with tasks. */
export interface ClaimCalls {
  /** Runs a claim. One with the same request id that is under way has been repeated by it: `isRepeated`, and its wait ends. */
  asNewest<Answer>(params: ClaimParams, run: (call: ClaimCall) => Promise<Answer>): Promise<Answer>
}

/** Claims are told apart by namespace, worker and request id; one without a request id is never repeated. */
export function createClaimCalls(): ClaimCalls {
  const calls = new Map<string, ClaimCall>()
  return {
    async asNewest(params, run) {
      const call: ClaimCall = { isRepeated: false, endWait: () => {} }
      const name = requestName(params)
      if (name === null) return run(call)
      const before = calls.get(name)
      calls.set(name, call)
      if (before !== undefined) {
        before.isRepeated = true
        before.endWait()
      }
      try {
        return await run(call)
      } finally {
        if (calls.get(name) === call) calls.delete(name)
      }
    },
  }
}

/** What a claim and its repetitions have in common; `null`: nobody can repeat it. */
function requestName({ namespace, worker, requestId }: ClaimParams): string | null {
  return requestId === null ? null : `${namespace} ${worker.workerId} ${requestId}`
}
