import type { TaskStore } from '@taskyard/core'

/**
 * A call of the port that may be disturbed. A claim without a request id gives other tasks when it is repeated, and so does
 * a settlement with such a claim: they have names of their own.
 */
export type StoreOperation =
  | Exclude<keyof TaskStore, 'durability' | 'onReady' | 'health' | 'threadAccess' | 'close'>
  | 'settle-and-claim'
  | 'claim-by-request'

export type AroundCall = <Reply>(operation: StoreOperation, call: () => Promise<Reply>) => Promise<Reply>

/** The same store with `around` between it and its caller. */
export function aroundCalls(store: TaskStore, around: AroundCall): TaskStore {
  return {
    durability: store.durability,
    migrate: () => around('migrate', () => store.migrate()),
    enqueue: (params) => around('enqueue', () => store.enqueue(params)),
    claim: (params) => around(params.requestId === null ? 'claim' : 'claim-by-request', () => store.claim(params)),
    extend: (params) => around('extend', () => store.extend(params)),
    settle: (params) =>
      around(params.claim?.requestId === null ? 'settle-and-claim' : 'settle', () => store.settle(params)),
    record: (params) => around('record', () => store.record(params)),
    cancel: (params) => around('cancel', () => store.cancel(params)),
    retry: (params) => around('retry', () => store.retry(params)),
    find: (params) => around('find', () => store.find(params)),
    list: (params) => around('list', () => store.list(params)),
    history: (params) => around('history', () => store.history(params)),
    counts: (params) => around('counts', () => store.counts(params)),
    pause: (params) => around('pause', () => store.pause(params)),
    beat: (params) => around('beat', () => store.beat(params)),
    holders: () => around('holders', () => store.holders()),
    endLeases: (params) => around('endLeases', () => store.endLeases(params)),
    takeBackCrashes: (params) => around('takeBackCrashes', () => store.takeBackCrashes(params)),
    sweep: (params) => around('sweep', () => store.sweep(params)),
    onReady: (listener) => store.onReady(listener),
    health: () => store.health(),
    threadAccess: () => store.threadAccess(),
    close: () => store.close(),
  }
}
