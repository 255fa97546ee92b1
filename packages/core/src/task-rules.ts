import { isIntegerIn, isNumberIn } from './bounds.ts'
import type { Violation } from './errors.ts'
import { LIMITS } from './limits.ts'
import { faultOfTag, IDEMPOTENCY_KEY_RULE, isIdempotencyKey, isName, nameRule } from './text.ts'
import { DELAY_RULE, violationsOfTypeDefaults } from './type-defaults.ts'

// What the options of a submission may be: the same for a program, a client and a server.

/** Options as they come from a caller, who may have no compiler. */
export interface UncheckedTaskOptions {
  readonly queue?: unknown
  readonly priority?: unknown
  readonly delaySeconds?: unknown
  readonly maxAttempts?: unknown
  readonly backoff?: unknown
  readonly timeoutSeconds?: unknown
  readonly tags?: unknown
  readonly idempotencyKey?: unknown
}

const PRIORITY_RULE = `a whole number from ${-LIMITS.priority} to ${LIMITS.priority}`

/** What is wrong with them, all of it; what is `undefined` is left out. */
export function faultsOfTaskOptions(options: UncheckedTaskOptions): Violation[] {
  const { queue, priority, delaySeconds, tags, idempotencyKey, maxAttempts, backoff, timeoutSeconds } = options
  const faults: Violation[] = []
  const check = (value: unknown, holds: boolean, path: string, message: string) => {
    if (value !== undefined && !holds) faults.push({ path, message })
  }
  check(queue, isName(queue), '/queue', nameRule('queue'))
  check(priority, isIntegerIn(priority, -LIMITS.priority, LIMITS.priority), '/priority', PRIORITY_RULE)
  check(delaySeconds, isNumberIn(delaySeconds, 0, LIMITS.delaySeconds), '/delaySeconds', DELAY_RULE)
  check(idempotencyKey, isIdempotencyKey(idempotencyKey), '/idempotencyKey', IDEMPOTENCY_KEY_RULE)
  if (tags !== undefined) faults.push(...faultsOfTags(tags))
  if (maxAttempts === undefined && backoff === undefined && timeoutSeconds === undefined) return faults
  return [...faults, ...violationsOfTypeDefaults({ maxAttempts, backoff, timeoutSeconds })]
}

function faultsOfTags(tags: unknown): readonly Violation[] {
  if (!Array.isArray(tags) || tags.length > LIMITS.tags)
    return [{ path: '/tags', message: `a list of at most ${LIMITS.tags} tags` }]
  return tags.flatMap((tag: unknown, i) => {
    const message = faultOfTag(tag)
    return message === null ? [] : [{ path: `/tags/${i}`, message }]
  })
}
