import type { TaskFilter, TaskStatus } from '@taskyard/core'

/** Which tasks a bulk operation means: at least one of the fields must be set. */
export interface BulkFilter extends Partial<Omit<TaskFilter, 'namespace' | 'statuses'>> {
  /** One, or any of several. */
  readonly status?: TaskStatus | readonly TaskStatus[] | null
}

/** How far one call of an operation by filter goes. */
export interface BulkPartOptions {
  /** Where an answer before has left off; the filter must be the same. */
  readonly cursor?: string
  /** Changes nothing, and counts what would be changed now. Default: false. */
  readonly dryRun?: boolean
  /** Leaves off after so long, but not before it has done something. Default: at the end. */
  readonly seconds?: number
  /** Leaves off when it aborts. */
  readonly signal?: AbortSignal
}

/** What an operation by filter has done, or would do. */
export interface BulkPart {
  /** Tasks of this part alone. */
  readonly matched: number
  /** Goes on with the rest; `null`: it is done. */
  readonly cursor: string | null
}
