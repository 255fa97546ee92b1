import type { ClaimParams, LeasedTask } from '@taskyard/core'

/** A claim that goes into the transaction of a statement that makes tasks ready. */
export interface ClaimBehind {
  readonly params: ClaimParams
  resolve(tasks: readonly LeasedTask[] | Promise<readonly LeasedTask[]>): void
  reject(error: unknown): void
}

type State =
  /** Claims go by themselves. */
  | { readonly kind: 'idle' }
  /** Listeners are being told of the tasks: the first claim that comes of it goes behind the statement. */
  | { readonly kind: 'open' }
  | { readonly kind: 'taken'; readonly claim: ClaimBehind }

/** The place of one claim behind a statement, open as long as a call that tells of the statement's tasks. */
export interface PlaceBehind {
  /** `null` where the place is not open, or taken. */
  take(params: ClaimParams): Promise<readonly LeasedTask[]> | null
  /** Whoever took the place while `tell` ran, which tells of the tasks before it returns. */
  openDuring(tell: () => void): ClaimBehind | null
}

export function createPlaceBehind(): PlaceBehind {
  let state: State = { kind: 'idle' }

  function close(): ClaimBehind | null {
    const last = state
    state = { kind: 'idle' }
    return last.kind === 'taken' ? last.claim : null
  }

  return {
    take(params) {
      if (state.kind !== 'open') return null
      const { promise, resolve, reject } = Promise.withResolvers<readonly LeasedTask[]>()
      state = { kind: 'taken', claim: { params, resolve, reject } }
      return promise
    },
    openDuring(tell) {
      state = { kind: 'open' }
      tell()
      return close()
    },
  }
}
