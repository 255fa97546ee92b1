import { TaskyardError } from '@taskyard/core'

/** Where a page of the list ended: the number of submission of its last task. */
export function encodeCursor(seq: number): string {
  return `seq-${seq.toString(36)}`
}

/** @throws TaskyardError invalid_request */
export function decodeCursor(cursor: string): number {
  if (!/^seq-[0-9a-z]{1,10}$/.test(cursor)) {
    throw new TaskyardError('invalid_request', { reason: 'cursor: pass the nextCursor of the page before, unchanged' })
  }
  return Number.parseInt(cursor.slice(4), 36)
}
