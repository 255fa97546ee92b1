import { taskMaker } from '@taskyard/conformance'
import type { ListParams, SweepParams } from '@taskyard/core'
import { createUuidV7Generator, systemClock } from '@taskyard/core/runtime'

export { CLAIM, submissions } from '@taskyard/conformance'

export const newId = createUuidV7Generator(systemClock)

/** A task of its own id, made now. */
export const newTask = taskMaker(systemClock)

export const EVERYTHING: ListParams = {
  namespace: 'default',
  statuses: null,
  type: null,
  queue: null,
  tag: null,
  createdAfter: null,
  createdBefore: null,
  errorCode: null,
  limit: 200,
  cursor: null,
}

export const RETENTION = { succeededSeconds: 7 * 86_400, failedSeconds: 30 * 86_400, finishedBytes: 1e12 }
export const SWEEP: SweepParams = { cancelGraceMs: 10_000, retention: RETENTION, limit: 1000, jitter: 0.5 }

export const UNSUPPORTED = { code: 'transaction_unsupported' }

export function kinds(outcomes: readonly { kind: string }[]): string[] {
  return outcomes.map(({ kind }) => kind)
}
