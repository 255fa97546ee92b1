import { type ClaimParams, type OpenedStore, type SettleParams, type StoreCall, wrapCalls } from '@taskyard/core'

/**
 * A call of the port that may be disturbed. A claim without a request id gives other tasks when it is repeated, and so does
 * a settlement with such a claim: they have names of their own.
 */
export type StoreOperation = StoreCall | 'settle-and-claim' | 'claim-by-request'

export type AroundCall = <Reply>(operation: StoreOperation, call: () => Promise<Reply>) => Promise<Reply>

/** The same store with `around` between it and its caller. */
export function aroundCalls(store: OpenedStore, around: AroundCall): OpenedStore {
  return wrapCalls(store, (name, call) => (params) => around(operationOf(name, params), () => call(params)))
}

function operationOf(name: StoreCall, params: unknown): StoreOperation {
  if (name === 'claim') return (params as ClaimParams).requestId === null ? 'claim' : 'claim-by-request'
  if (name === 'settle') return (params as SettleParams).claim?.requestId === null ? 'settle-and-claim' : 'settle'
  return name
}
