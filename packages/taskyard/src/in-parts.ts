import type { MatchingOptions } from '@taskyard/client'
import type { BulkPart, BulkPartOptions } from '@taskyard/engine'

/** An operation by filter tells this often how far it is. */
const PART_SECONDS = 2

/**
 * Does an operation by filter to its end, and answers how many tasks it was.
 * @param assertOpen throws between two parts when there is to be no further one
 */
export async function inParts(
  work: (options: BulkPartOptions) => Promise<BulkPart>,
  assertOpen: () => void,
  { dryRun = false, onProgress }: MatchingOptions,
): Promise<number> {
  let matched = 0
  for (let cursor: string | null = null; ; ) {
    const part: BulkPart = await work({ dryRun, seconds: PART_SECONDS, ...(cursor === null ? {} : { cursor }) })
    matched += part.matched
    cursor = part.cursor
    if (cursor === null) return matched
    assertOpen()
    onProgress?.(matched)
  }
}
