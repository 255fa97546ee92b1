import { LIMITS } from './limits.ts'
import { TASK_STATUSES } from './task.ts'
import { faultOfTag, fitsBytes, isName, isPlainText, nameRule } from './text.ts'

/** What the fields of a filter may be, times aside: each says what is wrong with a value of any type; `null`: nothing. */
export const FILTER_RULES = {
  status: faultOfStatus,
  type: (type: unknown) => (isName(type) ? null : nameRule('type')),
  queue: (queue: unknown) => (isName(queue) ? null : nameRule('queue')),
  tag: faultOfTag,
  errorCode: faultOfErrorCode,
} as const satisfies Readonly<Record<string, (value: unknown) => string | null>>

/** One, or a list of some. */
function faultOfStatus(status: unknown): string | null {
  const statuses: readonly unknown[] = Array.isArray(status) ? status : [status]
  const isKnown = (one: unknown) => (TASK_STATUSES as readonly unknown[]).includes(one)
  if (statuses.length > 0 && statuses.every(isKnown)) return null
  return `one of ${TASK_STATUSES.join(', ')}, or a list of them`
}

function faultOfErrorCode(errorCode: unknown): string | null {
  const isShort = typeof errorCode === 'string' && errorCode !== '' && fitsBytes(errorCode, LIMITS.nameLength)
  if (isShort && isPlainText(errorCode)) return null
  return `a text of at most ${LIMITS.nameLength} bytes, as the code of an error`
}
