import { type TaskStore, TaskyardError } from '@taskyard/core'
import type { Registry } from 'prom-client'
import { addCounter, addHistogram } from './computed-metric.ts'
import { type Distribution, newDistribution, observe } from './distribution.ts'

interface OperationNumbers {
  readonly seconds: Distribution
  readonly errors: Map<string, number>
}

type Timed = <Params extends unknown[], Result>(
  operation: string,
  call: (...params: Params) => Promise<Result>,
) => (...params: Params) => Promise<Result>

/** Adds the store's metrics; the returned function puts a clock around every call of a store. */
export function observeStore(registry: Registry, monotonicMs: () => number): (store: TaskStore) => TaskStore {
  const operations = new Map<string, OperationNumbers>()
  addStoreMetrics(registry, operations)
  return (store) => timedStore(store, timedInto(operations, monotonicMs))
}

function addStoreMetrics(registry: Registry, operations: ReadonlyMap<string, OperationNumbers>): void {
  const seconds = { name: 'taskyard_store_operation_seconds', help: 'Calls of the store, committed or failed' }
  addHistogram(registry, seconds, function* () {
    for (const [operation, numbers] of operations) yield [{ operation }, numbers.seconds]
  })
  const errors = { name: 'taskyard_store_operation_errors_total', help: 'Failed calls of the store, by error code' }
  addCounter(registry, errors, function* () {
    for (const [operation, numbers] of operations)
      for (const [code, count] of numbers.errors) yield [{ operation, code }, count]
  })
}

function timedInto(operations: Map<string, OperationNumbers>, monotonicMs: () => number): Timed {
  return (operation, call) => {
    const numbers = operations.get(operation) ?? { seconds: newDistribution(), errors: new Map() }
    operations.set(operation, numbers)
    return async (...params) => {
      const startedAt = monotonicMs()
      try {
        return await call(...params)
      } catch (error) {
        const code = error instanceof TaskyardError ? error.code : 'unknown'
        numbers.errors.set(code, (numbers.errors.get(code) ?? 0) + 1)
        throw error
      } finally {
        observe(numbers.seconds, (monotonicMs() - startedAt) / 1000)
      }
    }
  }
}

function timedStore(store: TaskStore, timed: Timed): TaskStore {
  return {
    durability: store.durability,
    migrate: timed('migrate', () => store.migrate()),
    enqueue: timed('enqueue', (params) => store.enqueue(params)),
    claim: timed('claim', (params) => store.claim(params)),
    extend: timed('extend', (params) => store.extend(params)),
    settle: timed('settle', (params) => store.settle(params)),
    record: timed('record', (params) => store.record(params)),
    cancel: timed('cancel', (params) => store.cancel(params)),
    retry: timed('retry', (params) => store.retry(params)),
    find: timed('find', (params) => store.find(params)),
    list: timed('list', (params) => store.list(params)),
    history: timed('history', (params) => store.history(params)),
    counts: timed('counts', (params) => store.counts(params)),
    pause: timed('pause', (params) => store.pause(params)),
    beat: timed('beat', (params) => store.beat(params)),
    holders: timed('holders', () => store.holders()),
    endLeases: timed('endLeases', (params) => store.endLeases(params)),
    takeBackCrashes: timed('takeBackCrashes', (params) => store.takeBackCrashes(params)),
    sweep: timed('sweep', (params) => store.sweep(params)),
    onReady: (listener) => store.onReady(listener),
    health: () => store.health(),
    threadAccess: () => store.threadAccess(),
    close: () => store.close(),
  }
}
