import { TERMINAL_STATUS_NUMBER, type TerminalStatus } from '@taskyard/core'

/** As a list in SQL. */
export function statusNumbers(statuses: readonly TerminalStatus[]): string {
  return statuses.map((status) => TERMINAL_STATUS_NUMBER[status]).join(', ')
}
