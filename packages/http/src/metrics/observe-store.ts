import { type OpenedStore, TaskyardError, type WrapCall, wrapCalls } from '@taskyard/core'
import type { Registry } from 'prom-client'
import { addCounter, addHistogram } from './computed-metric.ts'
import { type Distribution, newDistribution, observe } from './distribution.ts'

interface OperationNumbers {
  readonly seconds: Distribution
  readonly errors: Map<string, number>
}

/** Adds the store's metrics; the returned function puts a clock around every call of a store. */
export function observeStore(registry: Registry, monotonicMs: () => number): (store: OpenedStore) => OpenedStore {
  const operations = new Map<string, OperationNumbers>()
  addStoreMetrics(registry, operations)
  return (store) => wrapCalls(store, timedInto(operations, monotonicMs))
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

function timedInto(operations: Map<string, OperationNumbers>, monotonicMs: () => number): WrapCall {
  return (operation, call) => {
    const numbers = operations.get(operation) ?? { seconds: newDistribution(), errors: new Map() }
    operations.set(operation, numbers)
    return async (params) => {
      const startedAt = monotonicMs()
      try {
        return await call(params)
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
