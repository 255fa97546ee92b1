import { checkedMatching } from './checked-options.ts'
import { type Expected, isNumber, isOptional, isText } from './expected-answer.ts'
import { filterBody } from './request-documents.ts'
import type { MatchingOptions, TaskFilterOptions } from './taskyard-api.ts'
import type { Transport } from './transport.ts'

/** A server that works by filter answers after about this long, with what it has done so far. */
const LONGEST_PART_MS = 20_000
const MATCHED: Expected = { matched: isNumber, cursor: isOptional(isText) }

/** Cancels, retries or deletes all tasks that match, and counts them. The server answers in parts when there is much to do. */
export async function callMatching(
  transport: Transport,
  { action, repeatable }: { readonly action: 'cancel' | 'retry' | 'delete'; readonly repeatable: boolean },
  filter: TaskFilterOptions,
  options: MatchingOptions,
): Promise<number> {
  const wanted = filterBody(checkedMatching(filter, options))
  const { dryRun = false, onProgress } = options
  const call = {
    method: 'POST',
    path: `/api/v1/tasks/${action}`,
    repeatable: repeatable || dryRun,
    expected: MATCHED,
    extraMs: LONGEST_PART_MS,
  } as const
  let matched = 0
  for (let cursor: string | undefined; ; ) {
    const body = { ...wanted, ...(dryRun ? { dryRun } : {}), ...(cursor === undefined ? {} : { cursor }) }
    const part = await transport.call<{ matched: number; cursor?: string }>({ ...call, body })
    matched += part.matched
    cursor = part.cursor
    if (cursor === undefined) return matched
    onProgress?.(matched)
  }
}
