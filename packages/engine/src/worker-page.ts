import { isIntegerIn, isName, LIMITS } from '@taskyard/core'
import { invalid } from './check-submission.ts'
import type { KnownWorker } from './known-workers.ts'
import type { WorkersRequest } from './views.ts'

/** A page ends once what its workers ask for has so many characters. */
const MOST_LENGTH = 1_048_576

/** Some of these workers, which are in the order of their ids. @throws TaskyardError invalid_request */
export function workerPage(
  all: readonly KnownWorker[],
  { limit = 50, cursor = null }: WorkersRequest,
): { readonly workers: readonly KnownWorker[]; readonly nextCursor: string | null } {
  if (!isIntegerIn(limit, 1, LIMITS.listPage)) throw invalid('/limit', `a whole number from 1 to ${LIMITS.listPage}`)
  if (cursor !== null && !isName(cursor)) throw invalid('/cursor', 'the nextCursor of a page')
  const rest = cursor === null ? all : all.filter(({ workerId }) => workerId > cursor)
  let room = MOST_LENGTH
  const end = rest.findIndex((worker, n) => {
    if (n === limit || room < 0) return true
    room -= lengthOf(worker)
    return false
  })
  const workers = end === -1 ? rest : rest.slice(0, end)
  return { workers, nextCursor: end === -1 ? null : (workers.at(-1)?.workerId ?? null) }
}

function lengthOf({ scopes }: KnownWorker): number {
  const names = scopes.flatMap(({ queues, types }) => [...(queues ?? []), ...(types ?? [])])
  return names.reduce((sum, { length }) => sum + length, 0)
}
