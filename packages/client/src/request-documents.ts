import { formatRfc3339 } from '@taskyard/core'
import type { CheckedFilter } from './checked-options.ts'
import type { CheckedSubmission } from './checked-submission.ts'

/** A task as the body of a request has it; its payload is written down with the body, at once. */
export function bodyOf({ type, options, runAt }: CheckedSubmission, payload: unknown) {
  return { ...options, ...(runAt === undefined ? {} : { runAt: formatRfc3339(runAt) }), type, payload }
}

/** A filter as a query or a body has it. */
export function filterBody<Filter extends CheckedFilter>({ createdAfter, createdBefore, ...filter }: Filter) {
  return {
    ...filter,
    ...(createdAfter === undefined ? {} : { createdAfter: formatRfc3339(createdAfter) }),
    ...(createdBefore === undefined ? {} : { createdBefore: formatRfc3339(createdBefore) }),
  }
}
