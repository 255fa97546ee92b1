import type { TerminalStatus } from '../task.ts'

/** How SQL stores write where a task ended. It is in their data: none may change. */
export const TERMINAL_STATUS_NUMBER: Readonly<Record<TerminalStatus, number>> = {
  succeeded: 1,
  failed: 2,
  cancelled: 3,
}
