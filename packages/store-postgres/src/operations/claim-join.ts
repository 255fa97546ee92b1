import type { ClaimParams, LeasedTask } from '@taskyard/core'

/** A claim that goes into the transaction of a statement that makes tasks ready. */
export interface JoinedClaim {
  readonly params: ClaimParams
  resolve(tasks: readonly LeasedTask[] | Promise<readonly LeasedTask[]>): void
  reject(error: unknown): void
}

type State =
  /** Claims go by themselves. */
  | { readonly kind: 'idle' }
  /** Listeners are being told of the tasks: the first claim that comes of it joins the statement. */
  | { readonly kind: 'open' }
  | { readonly kind: 'joined'; readonly claim: JoinedClaim }

/** Lets one claim join the transaction of a statement, as long as a call lasts that tells of the statement's tasks. */
export interface ClaimJoin {
  /** `null` where there is nothing to join, or another claim has joined. */
  join(params: ClaimParams): Promise<readonly LeasedTask[]> | null
  /** Whoever joined while `hint` ran, which tells of the tasks before it returns. */
  openDuring(hint: () => void): JoinedClaim | null
}

/** Nothing can be joined until `openDuring` is called. */
export function createClaimJoin(): ClaimJoin {
  let state: State = { kind: 'idle' }

  function close(): JoinedClaim | null {
    const last = state
    state = { kind: 'idle' }
    return last.kind === 'joined' ? last.claim : null
  }

  return {
    join(params) {
      if (state.kind !== 'open') return null
      const { promise, resolve, reject } = Promise.withResolvers<readonly LeasedTask[]>()
      state = { kind: 'joined', claim: { params, resolve, reject } }
      return promise
    },
    openDuring(hint) {
      state = { kind: 'open' }
      hint()
      return close()
    },
  }
}
